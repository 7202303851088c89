// SPDX-License-Identifier: BSD-2-Clause
// Memory that was kept once, and goes back to the system.

#include "common/plan/release.h"

#include <optional>

#include "common/base/align.h"
#include "common/plan/boot-plan.h"
#include "common/plan/fence-map.h"

namespace holdfast {
namespace {

// Of `range`, the first pages that are released, were RAM, and are not kept.
//
//   range     |<------------------------------->|
//   released     |=======================|
//   ram                |=============================|
//   kept               |===|         |=====|
//   found                  |=========|
std::optional<PhysRange> FirstReleased(const Handover& handover, PhysRange range) {
  for (PhysRange rest = range;;) {
    const auto released = handover.released->FirstOverlap(rest);
    if (!released) {
      return std::nullopt;
    }
    const auto was_ram = handover.ram.FirstOverlap(*released);
    if (!was_ram) {
      rest = rest.From(released->end());
      continue;
    }
    PhysRange part = *was_ram;
    if (const auto kept = handover.kept.FirstOverlap(part)) {
      part = part.UpTo(kept->range.start());
      rest = rest.From(kept->range.end());
    } else {
      rest = rest.From(part.end());
    }
    if (const PhysRange pages = part.RoundedIn(kPageSize); !pages.empty()) {
      return pages;
    }
  }
}

Status Copy(const MemoryMap& map, MemoryMap& out) {
  for (const MemEntry& entry : map.view()) {
    TRY(out.AppendAscending(entry.range, entry.type));
  }
  return kDone;
}

Status CopyReleased(const MemoryMap& map, const Handover& handover, MemoryMap& out) {
  for (const MemEntry& entry : map.view()) {
    PhysRange rest = entry.range;
    if (IsFenceType(entry.type)) {
      while (const auto part = FirstReleased(handover, rest)) {
        TRY(out.AppendAscending(rest.UpTo(part->start()), entry.type));
        TRY(out.AppendAscending(*part, MemType::kUsable));
        rest = rest.From(part->end());
      }
    }
    TRY(out.AppendAscending(rest, entry.type));
  }
  return kDone;
}

// More entries than the map can have once all that is kept is fenced in it, each range in the middle of an entry.
std::size_t MostEntries(const MemoryMap& map, const Handover& handover) {
  std::size_t count = map.size();
  for (const KeptRange& kept : handover.kept.view()) {
    const std::size_t at = map.FirstEndingAfter(kept.range.start());
    count += at < map.size() && IsRam(map.view()[at].type) ? 2 : 0;
  }
  return count;
}

}  // namespace

Status ReleaseMemory(const MemoryMap& map, const Handover& handover, MemoryMap& out) {
  if (handover.released == nullptr || handover.released->view().empty()) {
    return Copy(map, out);
  }
  if (CopyReleased(map, handover, out).ok() && MostEntries(out, handover) <= BootInputs::kDefaultEntryBudget) {
    return kDone;
  }
  // To give memory back is no reason not to boot.
  out.Clear();
  return Copy(map, out);
}

}  // namespace holdfast
