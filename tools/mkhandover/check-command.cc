// SPDX-License-Identifier: BSD-2-Clause
// mkhandover check: whether a handover is believable on that machine, and whether anything stands on it.

#include "common/plan/boot-plan.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/contents.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/option-values.h"
#include "tools/mkhandover/planning.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// Without a kernel to place, the smallest that could be: what does not even fit a page will not fit a kernel.
constexpr KernelFacts kSmallestKernel = {
    .size = kPageSize, .alignment = kPageSize, .min_address = kMiB, .limit = kPhysLimit};

}  // namespace

ExitCode RunCheck(const CheckOptions& options, Output& output) {
  std::vector<NamedRange> named;
  for (const std::string& text : options.segments) {
    named.push_back(ParseNamedRangeOption("--segment", text, /*default_name=*/{}));
  }
  const auto map = ReadMap(options.map.where, options.map.efi_descriptor_size);
  const HandoverFile file(options.handover, &map->map());

  std::vector<Problem> problems;
  if (!file.problems().empty()) {
    problems = file.problems();
  } else {
    std::vector<SegmentRequest> segments;
    for (const NamedRange& each : named) {
      segments.push_back({.name = each.name, .size = each.range.size(), .at = each.range});
    }
    const auto released = MapWithReleased(map->map(), file);
    const BootInputs inputs{.memory = released->map(),
                            .handover = file.handover(),
                            .kernel = kSmallestKernel,
                            .kernel_at = std::nullopt,
                            .segments = segments,
                            .in_use = {}};
    problems = Planned(inputs, &file).problems();
  }
  // What is not RAM there would not be read.
  ContentFindings contents;
  if (problems.empty() && file.tree() != nullptr && HasDigests(file)) {
    if (options.handover.memory) {
      contents = FindLostContents(file, *options.handover.memory);
      problems = contents.lost;
    } else {
      output.Note("contents are not verified: add --memory CAPTURE, or /dev/mem");
    }
  }

  const ExitCode exit = problems.empty() ? ExitCode::kFine : ExitFor(problems.front().code);
  if (output.json()) {
    Json out = JsonDocument();
    out["verdict"] = problems.empty() ? "ok" : "refused";
    out["exit"] = static_cast<int>(exit);
    out["contents_verified"] = contents.verified;
    out["problems"] = JsonProblems(problems);
    output.Line(ToText(out));
  } else if (problems.empty()) {
    output.Line(Format("ok: {}, {} kept, {} checked{}", CountText(file.handover().kept.size(), "range"),
                       SizeText(file.handover().kept.bytes()), CountText(named.size(), "segment"),
                       contents.verified == 0
                           ? std::string()
                           : Format(", contents of {} verified", CountText(contents.verified, "name"))));
  } else {
    for (const Problem& problem : problems) {
      output.Line(DescribeRule(problem));
    }
  }
  return exit;
}

}  // namespace holdfast::tool
