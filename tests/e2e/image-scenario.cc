// SPDX-License-Identifier: BSD-2-Clause
// The steps of scenarios in which the stage is the kernel that a loader loads.

#include "tests/e2e/image-scenario.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/e2e/qemu-command.h"

namespace holdfast::e2e {
namespace {

std::uint64_t NumberAfter(const std::string& line, const std::string& words) {
  const std::size_t at = line.find(words);
  if (at == std::string::npos) throw GuestFailure("no \"" + words + "\" in: " + line);
  return std::stoull(line.substr(at + words.size()), nullptr, 0);
}

std::uint64_t Address(const nlohmann::json& text) { return std::stoull(text.get<std::string>(), nullptr, 0); }

}  // namespace

KeptPages FillBelowSegments(Guest& guest) { return ScatterPages(guest, 32, kLowPages); }

GuestFile StageFile(const std::filesystem::path& image) { return {image, "/kernels/" + std::string(kStageName)}; }

GuestFile StageFile(const std::string& kernel, const std::string& entry) { return StageFile(StageWith(kernel, entry)); }

std::filesystem::path MakeWholeImage(const std::filesystem::path& folder, const std::string& kernel,
                                     const std::string& entry, const std::string& append) {
  const std::filesystem::path initrd = folder / "initrd";
  const std::filesystem::path image = folder / "whole-image";
  WriteInitramfs({}, initrd);
  RunHere(Quoted(BuildDir() / "mkhandover") + " bundle -q -o " + Quoted(image) + " --image " + Quoted(Stage()) +
          " --entry " + entry + " --kernel " + Quoted(KernelImage(kernel)) + " --initrd " + Quoted(initrd) +
          " --cmdline '" + CommandLine({.append = append}) + "'");
  return image;
}

void MakeBundle(Guest& guest, const std::string& kernel, const std::string& more_options) {
  if (guest.TryRun("test -e /tmp/initrd").status != 0) MakeInitrd(guest);
  guest.Run("mkhandover bundle -q -o " + std::string(kBundleFile) + " --kernel /kernels/" + kernel +
            " --initrd /tmp/initrd " + more_options);
}

void LeaveByOurLoader(Guest& guest, const OurLoad& load) {
  if (guest.TryRun("test -e /tmp/initrd").status != 0) MakeInitrd(guest);
  const std::string handover(kHandoverFile);
  std::string source;
  if (load.of_the_store) {
    source = " --store";
  } else if (guest.TryRun("test -e " + handover).status == 0) {
    source = " --handover " + handover;
  }
  guest.Leave("mkhandover load --exec --via " + load.via + " --stage /kernels/" + load.stage + " --kernel /kernels/" +
              load.kernel + " --initrd /tmp/initrd --entry " + load.entry + source + " --cmdline '" +
              CommandLine({.append = load.append}) + "'");
}

std::uint64_t StageLines::kernel_address() const { return NumberAfter(kernel, "kernel at "); }
std::uint64_t StageLines::slot_count() const { return NumberAfter(kernel, " of "); }

StageLines ExpectStage(Guest& guest, const std::string& told_loader) {
  guest.Never({"holdfast: refused"});
  StageLines lines;
  lines.hello = guest.Expect("holdfast: 0.1.0 image on " + told_loader);
  lines.digest = guest.Expect("holdfast: digest ok, ");
  lines.handover = guest.Expect("holdfast: handover ");
  lines.mode = guest.Expect("holdfast: mode ");
  lines.kernel = guest.Expect("holdfast: kernel at 0x");
  guest.Expect("init: up ");
  return lines;
}

StageReport ReadReport(Guest& guest) {
  const auto json = nlohmann::json::parse(guest.Run("mkhandover report --json").output);
  StageReport report;
  report.shell = json.at("shell");
  report.loader = json.at("loader");
  report.dialect = json.at("dialect");
  report.mode = json.at("mode");
  report.entry = json.at("entry");
  // A kernel that its EFI stub placed does not say where it is.
  if (json.contains("kernel")) report.kernel = {Address(json.at("kernel").at("start")), json.at("kernel").at("size")};
  report.generation = json.at("generation");
  report.bytes = json.at("bytes");
  report.wasted_bytes = json.at("wasted_bytes");
  for (const auto& range : json.at("preserved"))
    report.preserved.push_back({Address(range.at("start")), range.at("size")});
  for (const auto& area : json.at("scratch")) report.scratch.push_back({Address(area.at("start")), area.at("size")});
  for (const auto& segment : json.at("segments")) {
    const std::uint64_t start = Address(segment.at("start"));
    report.segments.push_back({start, Address(segment.at("end")) - start});
  }
  for (const auto& entry : json.at("map")) {
    report.map.push_back({Address(entry.at("start")), Address(entry.at("end")), TypeName(entry.at("type"))});
  }
  for (const auto& mark : json.at("timestamps")) report.marks.push_back({mark.at("name"), mark.at("tsc")});
  return report;
}

Extent KernelExtent(Guest& guest) {
  std::uint64_t start = 0, end = 0;
  for (const Resource& resource : guest.Iomem()) {
    if (!resource.name.starts_with("Kernel ")) continue;
    if (end == 0) start = resource.start;
    end = resource.end;
  }
  if (end == 0) throw GuestFailure("/proc/iomem has no kernel");
  return {start, end - start};
}

std::uint64_t KernelCode(Guest& guest) {
  for (const Resource& resource : guest.Iomem()) {
    if (resource.name == "Kernel code") return resource.start;
  }
  throw GuestFailure("/proc/iomem has no kernel code");
}

std::string Damage(Guest& guest, const KeptPages& kept) {
  std::ostringstream text;
  if (const std::uint64_t count = CountDifferent(guest, kept); count != 0) text << count << " pages differ\n";
  if (!GuestFinds(guest, kept)) text << "the guest does not find them\n";
  for (const Extent& extent : NotOfType(guest.E820(), kReserved, kept.extents)) text << extent << " is not fenced\n";
  return text.str();
}

}  // namespace holdfast::e2e
