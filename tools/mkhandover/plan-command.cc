// SPDX-License-Identifier: BSD-2-Clause
// mkhandover plan: the stage's own decision, before the jump.

#include "common/plan/boot-plan.h"
#include "common/plan/kernel-entry.h"
#include "common/plan/kernel-options.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/kernel-file.h"
#include "tools/mkhandover/option-values.h"
#include "tools/mkhandover/planning.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

std::vector<PlacedSegment> SegmentsOf(const BootPlan& plan) {
  std::vector<PlacedSegment> out = {{.name = "kernel", .range = plan.slot.range}};
  out.insert(out.end(), plan.segments.begin(), plan.segments.end());
  return out;
}

Json PreservedJson(const HandoverFile& file) {
  Json out = Json::array();
  if (!file.problems().empty()) {
    return out;
  }
  for (const KeptRange& kept : file.handover().kept.view()) {
    out.push_back(JsonStartEnd(kept.range));
  }
  return out;
}

Json RefusedJson(const HandoverFile& file, std::string_view entry, const std::vector<Problem>& problems) {
  Json out = JsonDocument();
  out["verdict"] = "refused";
  out["exit"] = static_cast<int>(ExitFor(problems.front().code));
  out["mode"] = ModeName(Mode::kFence);
  out["entry"] = entry;
  out["preserved"] = PreservedJson(file);
  out["problems"] = JsonProblems(problems);
  return out;
}

Json PlanJson(const HandoverFile& file, const BootPlan& plan) {
  Json out = JsonDocument();
  out["verdict"] = "ok";
  out["mode"] = ModeName(plan.mode);
  out["entry"] = KernelEntryName(plan.entry);
  out["map"] = JsonMap(plan.memory.view());
  out["preserved"] = PreservedJson(file);
  out["slot"] = {{"start", JsonAddress(plan.slot.range.start().raw())},
                 {"size", plan.slot.range.size()},
                 {"index", plan.slot.index},
                 {"count", plan.slot.count}};
  Json segments = Json::array();
  for (const PlacedSegment& segment : SegmentsOf(plan)) {
    Json item = {{"name", segment.name}};
    item.update(JsonStartEnd(segment.range));
    segments.push_back(std::move(item));
  }
  out["segments"] = std::move(segments);
  out["wasted_bytes"] = plan.closed_bytes;
  out["problems"] = Json::array();
  return out;
}

void PrintRefused(const std::vector<Problem>& problems, Output& output) {
  output.Line("verdict    refused");
  for (const Problem& problem : problems) {
    output.Line(Format("problem    {}", DescribeRule(problem)));
  }
}

void PrintPlan(const HandoverFile& file, const BootPlan& plan, Output& output) {
  const auto& kept = file.handover().kept;
  output.Line("verdict    ok");
  output.Line(Format("mode       {}, entry {}", ModeName(plan.mode), KernelEntryName(plan.entry)));
  output.Line(Format("kept       {}, {}", CountText(kept.size(), "range"), SizeText(kept.bytes())));
  output.Line(Format("slot       {} of {}", plan.slot.index + 1, plan.slot.count));
  output.Line(Format("closed     {}", SizeText(plan.closed_bytes)));
  output.Line("segments");
  for (const PlacedSegment& segment : SegmentsOf(plan)) {
    output.Line(Format("  {}  {}  {:>10}  {}", HexWide(segment.range.start().raw()), HexWide(segment.range.end().raw()),
                       SizeText(segment.range.size()), segment.name));
  }
  output.Line(Format("map        {}", EntriesText(plan.memory.size())));
  for (const MemEntry& entry : plan.memory.view()) {
    output.Line(Format("  {}  {}  {:>10}  {}", HexWide(entry.range.start().raw()), HexWide(entry.range.end().raw()),
                       SizeText(entry.range.size()), TypeText(entry.type)));
  }
}

ExitCode Refuse(const HandoverFile& file, std::string_view entry, const std::vector<Problem>& problems,
                Output& output) {
  if (output.json()) {
    output.Line(ToText(RefusedJson(file, entry, problems)));
  } else {
    PrintRefused(problems, output);
  }
  return ExitFor(problems.front().code);
}

}  // namespace

ExitCode RunPlan(const PlanOptions& options, Output& output) {
  std::vector<NamedRange> named;
  for (const std::string& text : options.in_use) {
    named.push_back(ParseNamedRangeOption("--in-use", text, /*default_name=*/"in use"));
  }
  std::vector<InUse> in_use;
  for (const NamedRange& each : named) {
    in_use.push_back({.name = each.name, .range = each.range});
  }
  const auto map = ReadMap(options.map.where, options.map.efi_descriptor_size);
  const HandoverFile file(options.handover, &map->map());
  const KernelFile kernel(options.kernel);
  const KernelEntry wanted = ParseEntry(options.entry);
  const auto unpacked = UnpackFor(wanted, kernel, output);
  const std::string_view entry = KernelEntryName(unpacked ? KernelEntry::kVmlinux : KernelEntry::kBzImage);
  std::vector<SegmentRequest> segments;
  if (options.initrd) {
    const std::size_t size = ReadNonEmpty(*options.initrd, "--initrd").size();
    segments.push_back({.name = "initrd", .size = size, .at = std::nullopt});
  }
  if (!file.problems().empty()) {
    return Refuse(file, entry, file.problems(), output);
  }

  const auto released = MapWithReleased(map->map(), file);
  BootInputs inputs{.memory = released->map(),
                    .handover = file.handover(),
                    .kernel = FactsFor(kernel, unpacked.get()),
                    .entry = EntryFactsFor(wanted, kernel, unpacked.get()),
                    .command_line = options.cmdline,
                    .mode = ParseMode(options.mode),
                    .speaks_native = SpeaksNative(file.handover(), unpacked.get()),
                    .kernel_at = std::nullopt,
                    .segments = segments,
                    .in_use = in_use,
                    .seed = options.seed};
  HeedKernelOptions(options.cmdline, inputs);
  const Planned planned(inputs, &file);
  if (!planned.ok()) {
    return Refuse(file, entry, planned.problems(), output);
  }
  if (output.json()) {
    output.Line(ToText(PlanJson(file, planned.plan())));
  } else {
    PrintPlan(file, planned.plan(), output);
  }
  return ExitCode::kFine;
}

}  // namespace holdfast::tool
