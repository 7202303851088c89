// SPDX-License-Identifier: BSD-2-Clause
// Finds the handovers that the command line names, and decodes them into one.

#include "purgatory/find-handover.h"

#include <algorithm>

#include "common/format/handover-v1.h"

namespace holdfast::purgatory {
namespace {

Error Explain(Problem& problem, Error error, std::string_view what, PhysRange range) {
  problem = {.code = error.code, .where = error.where, .what = what, .range = range};
  return error;
}

// A tree may lie in RAM, or in memory that an earlier stage fenced; not in a hole, nor in firmware's tables.
bool MayHoldHandover(MemType type) {
  return IsRam(type) || type == MemType::kReserved || type == MemType::kPmem || type == MemType::kPram;
}

bool IsKnown(const FoundHandovers& found, const HandoverOption& option) {
  return std::any_of(found.begin(), found.end(),
                     [&option](const FoundHandover& known) { return known.option == option; });
}

Status DecodeOne(const PhysMemory& memory, Sha256BlocksFn blocks, std::uint8_t source, FoundHandover& found,
                 Handover& out) {
  if (found.option.range.size() > kMaxHandoverSize) {
    return Error{Errc::kOutOfBounds, kMaxHandoverSize};
  }
  TRY_ASSIGN(const auto bytes, memory.View(found.option.range));
  if (Sha256::Of(bytes, blocks) != found.option.digest) {
    return Error{Errc::kBadDigest, found.option.range.start().raw()};
  }
  TRY_ASSIGN(found.tree, FdtView::Open(bytes));
  return DecodeHandoverV1(*found.tree, source, out);
}

}  // namespace

Status FindHandovers(std::string_view command_line, const MemoryMap& map, FoundHandovers& out, Problem& problem) {
  FixedVector<HandoverOption, kMaxHandoverOptions> options;
  if (const Status status = FindHandoverOptions(command_line, options); !status.ok()) {
    return Explain(problem, status.error(), "holdfast= on the command line", PhysRange());
  }
  for (const HandoverOption& option : options) {
    if (const auto gap = map.FirstNot(option.range, MayHoldHandover)) {
      return Explain(problem, {Errc::kUnreadable, gap->range.start().raw()}, "handover", option.range);
    }
    // The same one may stand on both lines.
    if (!IsKnown(out, option)) {
      TRY(out.Append({option, std::nullopt}));
    }
  }
  return kDone;
}

Status DecodeHandovers(const PhysMemory& memory, Sha256BlocksFn blocks, FoundHandovers& found, Handover& out,
                       Problem& problem) {
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Status status = DecodeOne(memory, blocks, static_cast<std::uint8_t>(i), found[i], out);
    if (!status.ok()) {
      return Explain(problem, status.error(), "handover", found[i].option.range);
    }
  }
  PreservedMap::Conflict conflict;
  if (const Status status = out.kept.Seal(&conflict); !status.ok()) {
    problem = {.code = status.error().code,
               .where = status.error().where,
               .range = conflict.first.range,
               .other_range = conflict.second.range,
               .kept = conflict.first};
    const auto& other_tree = found[conflict.second.source].tree;
    problem.other = other_tree ? KeptName(*other_tree, conflict.second) : std::string_view();
    NameKept(found, problem);
    return status;
  }
  return kDone;
}

void NameKept(const FoundHandovers& found, Problem& problem) {
  if (!problem.kept || problem.kept->source >= found.size() || !found[problem.kept->source].tree) {
    return;
  }
  holdfast::NameKept(problem, KeptName(*found[problem.kept->source].tree, *problem.kept));
}

}  // namespace holdfast::purgatory
