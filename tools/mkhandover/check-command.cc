// SPDX-License-Identifier: BSD-2-Clause
// mkhandover check: whether a handover is believable on that machine, whether anything stands on it, and whether it
// keeps a store where that lies now.

#include "common/plan/boot-plan.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/contents.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/option-values.h"
#include "tools/mkhandover/planning.h"
#include "tools/mkhandover/store/store-check.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// Without a kernel to place, the smallest that could be: what does not even fit a page will not fit a kernel.
constexpr KernelFacts kSmallestKernel = {
    .size = kPageSize, .alignment = kPageSize, .min_address = kMiB, .limit = kPhysLimit};

struct Findings {
  std::vector<Problem> problems;  // by the rules of the stage
  std::vector<MovedFile> moved;
  std::size_t num_files = 0;  // of the store

  bool empty() const { return problems.empty() && moved.empty(); }
  ExitCode exit() const {
    return !problems.empty() ? ExitFor(problems.front().code) : moved.empty() ? ExitCode::kFine : ExitCode::kFound;
  }
};

std::vector<Problem> ProblemsWith(const HandoverFile& file, const MemoryMap& map,
                                  const std::vector<NamedRange>& named) {
  if (!file.problems().empty()) {
    return file.problems();
  }
  std::vector<SegmentRequest> segments;
  for (const NamedRange& each : named) {
    segments.push_back({.name = each.name, .size = each.range.size(), .at = each.range});
  }
  const auto released = MapWithReleased(map, file);
  const BootInputs inputs{.memory = released->map(),
                          .handover = file.handover(),
                          .kernel = kSmallestKernel,
                          .kernel_at = std::nullopt,
                          .segments = segments,
                          .in_use = {}};
  return Planned(inputs, &file).problems();
}

void CheckStore(const CheckOptions& options, const HandoverFile& file, Output& output, Findings& findings) {
  const Store store(options.store, Store::For::kReading);
  WarnOf(store, output);
  const std::vector<FilePlace> places = PlacesOf(store);
  findings.moved = FindMoved(places, KeptByName(file.pieces()));
  findings.num_files = places.size();
}

std::string AdviceFor(const MovedFile& moved) {
  return moved.size_now ? Format("drop {} and keep it again", moved.node) : "make the handover again";
}

Json JsonMoved(const std::vector<MovedFile>& all) {
  Json out = Json::array();
  for (const MovedFile& moved : all) {
    Json item = {{"node", moved.node}, {"file", moved.file}};
    if (moved.size_now) {
      item["size_recorded"] = moved.size_recorded;
      item["size"] = *moved.size_now;
    } else {
      item["offset"] = moved.offset;
      if (moved.from) {
        item["from"] = JsonAddress(moved.from->raw());
      }
      item.update(JsonStartEnd(moved.to));
      item["kept"] = moved.is_kept;
    }
    out.push_back(std::move(item));
  }
  return out;
}

void CheckOptionsOf(const CheckOptions& options) {
  if (options.map.where.empty() && !options.with_store) {
    throw Failure(ExitCode::kUsage, "--map is required, or --store: see mkhandover check --help");
  }
  if (options.map.where.empty() && !options.segments.empty()) {
    throw Failure(ExitCode::kUsage, "--segment: needs --map, to know what is RAM");
  }
}

}  // namespace

ExitCode RunCheck(const CheckOptions& options, Output& output) {
  CheckOptionsOf(options);
  std::vector<NamedRange> named;
  for (const std::string& text : options.segments) {
    named.push_back(ParseNamedRangeOption("--segment", text, /*default_name=*/{}));
  }
  const auto map = options.map.where.empty() ? nullptr : ReadMap(options.map.where, options.map.efi_descriptor_size);
  const HandoverFile file(options.handover, map != nullptr ? &map->map() : nullptr);

  Findings findings;
  findings.problems = map != nullptr ? ProblemsWith(file, map->map(), named) : file.problems();
  // What is not RAM there would not be read.
  ContentFindings contents;
  if (findings.problems.empty() && file.tree() != nullptr && HasDigests(file)) {
    if (options.handover.memory) {
      contents = FindLostContents(file, *options.handover.memory);
      findings.problems = contents.lost;
    } else {
      output.Note("contents are not verified: add --memory CAPTURE, or /dev/mem");
    }
  }
  if (options.with_store && file.problems().empty()) {
    CheckStore(options, file, output, findings);
  }

  if (output.json()) {
    Json out = JsonDocument();
    out["verdict"] = findings.empty() ? "ok" : "refused";
    out["exit"] = static_cast<int>(findings.exit());
    out["contents_verified"] = contents.verified;
    out["problems"] = JsonProblems(findings.problems);
    if (options.with_store) {
      out["moved"] = JsonMoved(findings.moved);
    }
    output.Line(ToText(out));
  } else if (findings.empty()) {
    output.Line(
        Format("ok: {}, {} kept, {} checked{}{}", CountText(file.handover().kept.size(), "range"),
               SizeText(file.handover().kept.bytes()), CountText(named.size(), "segment"),
               contents.verified == 0 ? "" : Format(", contents of {} verified", CountText(contents.verified, "name")),
               findings.num_files == 0 ? "" : Format(", {} of the store", CountText(findings.num_files, "file"))));
  } else {
    for (const Problem& problem : findings.problems) {
      output.Line(DescribeRule(problem));
    }
    for (const MovedFile& moved : findings.moved) {
      output.Line(Format("{}: {}", DescribeMoved(moved), AdviceFor(moved)));
    }
  }
  return findings.exit();
}

}  // namespace holdfast::tool
