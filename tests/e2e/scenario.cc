// SPDX-License-Identifier: BSD-2-Clause
// The steps that scenarios have in common: fill pages, describe them, jump, find them again.

#include "tests/e2e/scenario.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "tests/e2e/page-pattern.h"

namespace holdfast::e2e {
namespace {

std::uint64_t Address(const nlohmann::json& text) { return std::stoull(text.get<std::string>(), nullptr, 0); }

}  // namespace

std::uint64_t KeptPages::bytes() const {
  std::uint64_t sum = 0;
  for (const Extent& extent : extents) sum += extent.size;
  return sum;
}

std::uint64_t KeptPages::num_pages() const { return bytes() / kPageSize; }

KeptPages FillPages(Guest& guest, std::string_view size, const FillOptions& options) {
  guest.Run("pattern fill " + options.file + " " + std::string(size) + " " + Hex(options.seed));
  return {options.file, options.seed, ExtentsOf(guest, options.file)};
}

KeptPages ScatterPages(Guest& guest, std::uint64_t num_extents, std::uint64_t limit, const FillOptions& options) {
  guest.Run("pattern scatter " + options.file + " " + std::to_string(num_extents) + " " + Hex(options.seed) + " " +
            Hex(limit) + " " + Hex(options.floor));
  return {options.file, options.seed, ExtentsOf(guest, options.file)};
}

std::vector<Extent> ExtentsOf(Guest& guest, std::string_view file) {
  return ParseExtents(guest.Run("pattern extents " + std::string(file)).output);
}

std::vector<Extent> ParseExtents(const std::string& text) {
  std::istringstream in(text);
  std::vector<Extent> extents;
  for (std::string start, size; in >> start >> size;) {
    extents.push_back({std::stoull(start, nullptr, 0), std::stoull(size, nullptr, 0)});
  }
  return extents;
}

std::vector<Extent> Joined(std::vector<Extent> extents) {
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) { return a.start < b.start; });
  std::vector<Extent> joined;
  for (const Extent& extent : extents) {
    if (!joined.empty() && joined.back().end() == extent.start) {
      joined.back().size += extent.size;
    } else {
      joined.push_back(extent);
    }
  }
  return joined;
}

std::string MapText(const std::vector<Extent>& extents) {
  std::string text;
  for (const Extent& extent : extents) text += Hex(extent.start) + " " + Hex(extent.size) + "\n";
  return text;
}

bool GuestFinds(Guest& guest, const KeptPages& kept) {
  guest.Push("/tmp/kept-map", MapText(kept.extents));
  const CommandResult result = guest.TryRun("pattern check-phys /tmp/kept-map " + Hex(kept.seed) + " | tee /dev/kmsg");
  const std::string intact = "pattern: " + Hex(kept.seed) + " intact, 0 of " + std::to_string(kept.num_pages()) + " ";
  return result.output.starts_with(intact);
}

std::uint64_t CountDifferent(const Guest& guest, const KeptPages& kept) {
  std::uint64_t num_different = 0;
  std::uint64_t page_index = 0;
  for (const Extent& extent : kept.extents) {
    const std::span<const std::byte> bytes = guest.memory().View(extent.start, extent.size);
    for (std::uint64_t at = 0; at < extent.size; at += kPageSize, ++page_index) {
      if (!PageIsIntact(kept.seed, page_index, bytes.subspan(at).first<kPageSize>())) ++num_different;
    }
  }
  return num_different;
}

void UseUpMemory(Guest& guest) {
  guest.Run(
      "dd if=/dev/zero of=/tmp/fill bs=1M count=$(awk '/MemAvailable/ { print int($2 / 1024) - 96 }' /proc/meminfo)");
}

std::string MakeHandover(Guest& guest, const std::vector<KeptPages>& kept, const std::string& more_options) {
  std::string command = "mkhandover make -o " + std::string(kHandoverFile);
  for (const KeptPages& pages : kept) command += " --pages-of " + pages.file;
  if (!more_options.empty()) command += " " + more_options;

  std::istringstream output(guest.Run(command).output);
  for (std::string word; output >> word;) {
    if (word.starts_with("holdfast=")) return word;
  }
  throw GuestFailure("mkhandover make printed no holdfast= option: " + output.str());
}

void MakeInitrd(Guest& guest, const std::string& path) { guest.Run("mkinitrd-self " + path); }

std::string CommandLine(const LoadOptions& options) {
  return std::string(kConsoleOptions) + (options.append.empty() ? "" : " ") + options.append;
}

CommandResult TryLoadKernel(Guest& guest, const LoadOptions& options) {
  if (guest.TryRun("test -e " + options.initrd).status != 0) MakeInitrd(guest, options.initrd);
  return guest.TryRun(options.kexec + " " + options.flags + " /kernels/" + options.kernel +
                      " --initrd=" + options.initrd + " --command-line='" + CommandLine(options) + "'");
}

CommandResult LoadKernel(Guest& guest, const LoadOptions& options) {
  CommandResult result = TryLoadKernel(guest, options);
  if (result.status != 0) {
    throw GuestFailure(options.kexec + " did not load kernel " + options.kernel + ": " + result.output + result.errors);
  }
  return result;
}

std::vector<LoadedSegment> SegmentsOf(const CommandResult& load) {
  std::vector<LoadedSegment> segments;
  std::istringstream in(load.output + load.errors);
  for (std::string line; std::getline(in, line);) {
    const auto value = [&line] { return std::stoull(line.substr(line.find("= ") + 2), nullptr, 0); };
    if (line.starts_with("segment[") && line.find("].mem ") != std::string::npos) segments.push_back({value(), 0});
    if (line.starts_with("segment[") && line.find("].memsz") != std::string::npos) segments.back().memsz = value();
  }
  return segments;
}

std::string HandoverOption::text() const {
  return "holdfast=" + Hex(address) + "," + std::to_string(size) + "," + digest;
}

HandoverOption ParseOption(const std::string& text) {
  std::istringstream in(text.substr(text.find('=') + 1));
  std::string address, size, digest;
  std::getline(in, address, ',');
  std::getline(in, size, ',');
  std::getline(in, digest, ',');
  return {std::stoull(address, nullptr, 0), std::stoull(size, nullptr, 0), digest};
}

std::string WriteHandover(Guest& guest, const std::string& options) {
  guest.Run("echo 2 > /proc/sys/vm/nr_hugepages");
  return MakeHandover(guest, {}, options);
}

std::string Preserve(std::uint64_t start, std::uint64_t size, const std::string& name) {
  return " --preserve " + Hex(start) + "+" + Hex(size) + ",name=" + name;
}

Plan ParsePlan(std::string_view json) {
  const nlohmann::json parsed = nlohmann::json::parse(json);
  Plan plan;
  plan.verdict = parsed.at("verdict");
  plan.mode = parsed.value("mode", "");
  plan.wasted_bytes = parsed.value("wasted_bytes", std::uint64_t{0});
  for (const nlohmann::json& entry : parsed.value("map", nlohmann::json::array())) {
    plan.map.push_back({Address(entry.at("start")), Address(entry.at("end")), TypeName(entry.at("type"))});
  }
  for (const nlohmann::json& range : parsed.value("preserved", nlohmann::json::array())) {
    const std::uint64_t start = Address(range.at("start"));
    plan.preserved.push_back({start, Address(range.at("end")) - start});
  }
  plan.text = json;
  return plan;
}

Plan AskForPlan(Guest& guest, const std::string& arguments) {
  return ParsePlan(guest.TryRun("mkhandover plan --json " + arguments).output);
}

std::vector<Extent> NotOfType(const Map& map, std::string_view type, const std::vector<Extent>& extents) {
  std::vector<Extent> wrong;
  for (const Extent& extent : extents) {
    if (BytesWithin(map, type, extent.start, extent.end()) != extent.size) wrong.push_back(extent);
  }
  return wrong;
}

Map MapOfResources(Guest& guest) {
  Map map;
  for (const Resource& resource : guest.Iomem()) {
    if (resource.depth == 0) map.push_back({resource.start, resource.end, resource.name});
  }
  return map;
}

Map AboveLowMemory(const Map& map) {
  constexpr std::uint64_t kLow = std::uint64_t{1} << 20;
  Map out;
  for (MapEntry entry : map) {
    entry.start = std::max(entry.start, kLow);
    if (entry.start < entry.end) out.push_back(entry);
  }
  return Merged(out);
}

std::string Hex(std::uint64_t number) {
  std::ostringstream text;
  text << "0x" << std::hex << number;
  return text.str();
}

std::string RangeText(std::uint64_t start, std::uint64_t size) {
  return "[" + Hex(start) + ", " + Hex(start + size) + ")";
}

std::ostream& operator<<(std::ostream& out, const Extent& extent) {
  return out << "[" << Hex(extent.start) << ", " << Hex(extent.end()) << ")";
}

unsigned ExpectReset(Guest& guest) {
  const std::string line = guest.Expect("holdfast: reset in ");
  const auto delay = static_cast<unsigned>(std::stoul(line.substr(std::string("holdfast: reset in ").size())));
  constexpr unsigned kDefaultDelay = 10;
  if (delay != kDefaultDelay) guest.WaitForReset();
  return delay;
}

}  // namespace holdfast::e2e
