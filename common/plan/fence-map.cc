// SPDX-License-Identifier: BSD-2-Clause
// The memory map that the next kernel sees.

#include "common/plan/fence-map.h"

#include <algorithm>

#include "common/base/align.h"
#include "common/plan/kernel-entry.h"
#include "common/plan/smallest-gaps.h"

namespace holdfast {
namespace {

// A stretch of the new map, before neighbours of one type are joined.
struct Piece {
  PhysRange range;
  MemType type = MemType::kUsable;
  bool kept = false;      // behind a fence
  bool native = false;    // kept without one
  bool closable = false;  // a gap of RAM right between two reserved kept ranges
};

// A fence that leaves RAM leaves marked RAM its mark: without it a kernel with pmpool= wipes the pool.
MemType TypeBehind(Fence fence, MemType before) {
  return fence == Fence::kHeld && IsRam(before) ? before : FencedType(fence);
}

bool IsKeptReserved(const Piece& piece) { return piece.kept && piece.type == MemType::kReserved; }

// Calls visit(piece) for each non-empty stretch of `map` with the kept ranges cut out, in ascending order.
//
//   |<------------- entry ------------->|
//   |   entry   |  kept   |    entry    |
//               ^rest     ^next rest
template <typename Visit>
Status WalkCuts(const MemoryMap& map, const PreservedMap& kept, const FenceLimits& limits, Visit visit) {
  const auto visit_unless_empty = [&visit](const Piece& piece) -> Status {
    return piece.range.empty() ? Status(kDone) : visit(piece);
  };
  std::size_t next = 0;  // the first kept range that ends after `rest` starts
  for (const MemEntry& entry : map.view()) {
    PhysRange rest = entry.range;
    for (; next < kept.size() && kept.view()[next].range.start() < entry.range.end(); ++next) {
      const KeptRange& k = kept.view()[next];
      if (const PhysRange hit = rest.Intersection(k.range); !hit.empty()) {
        const bool is_native = limits.native != nullptr && k.source == limits.native->source;
        const Fence fence = FenceThrough(limits.entry, k.fence);
        TRY(visit_unless_empty({.range = rest.UpTo(hit.start()), .type = entry.type}));
        TRY(visit_unless_empty({.range = hit,
                                .type = is_native ? entry.type : TypeBehind(fence, entry.type),
                                .kept = !is_native,
                                .native = is_native}));
        rest = rest.From(hit.end());
      }
      if (k.range.end() > entry.range.end()) {
        break;  // It goes on in the next entry.
      }
    }
    TRY(visit_unless_empty({.range = rest, .type = entry.type}));
  }
  return kDone;
}

bool Meets(std::span<const PhysRange> ranges, PhysRange range) {
  const auto it = std::partition_point(ranges.begin(), ranges.end(),
                                       [range](const PhysRange& p) { return p.end() <= range.start(); });
  return it != ranges.end() && it->Overlaps(range);
}

bool IsPinned(const FenceLimits& limits, PhysRange range) {
  return Meets(limits.pinned, range) || (limits.native != nullptr && Meets(limits.native->scratch, range));
}

// The same stretches, with `closable` known.  A gap waits until it is seen what follows it:
//
//   | kept    |   gap   | kept    |
//   ^before   ^waiting  ^piece
template <typename Visit>
Status WalkPieces(const MemoryMap& map, const PreservedMap& kept, const FenceLimits& limits, Visit visit) {
  Piece before;
  Piece waiting;
  TRY(WalkCuts(map, kept, limits, [&](const Piece& piece) -> Status {
    if (!waiting.range.empty()) {
      waiting.closable =
          IsKeptReserved(piece) && piece.range.start() == waiting.range.end() && !IsPinned(limits, waiting.range);
      TRY(visit(waiting));
      waiting = Piece();
    }
    const bool may_be_gap = IsKeptReserved(before) && !piece.kept && !piece.native && piece.type == MemType::kUsable &&
                            piece.range.start() == before.range.end() && piece.range.start() >= kLowMemoryEnd;
    before = piece;
    if (may_be_gap) {
      waiting = piece;
      return kDone;
    }
    return visit(piece);
  }));
  return waiting.range.empty() ? Status(kDone) : visit(waiting);
}

// The number of entries that the pieces make once neighbours of one type are joined.
std::uint64_t CountEntries(const MemoryMap& map, const PreservedMap& kept, const FenceLimits& limits) {
  std::uint64_t count = 0;
  Piece last;
  const Status walked = WalkCuts(map, kept, limits, [&](const Piece& piece) -> Status {
    if (count == 0 || last.type != piece.type || last.range.end() != piece.range.start()) {
      ++count;
    }
    last = piece;
    return kDone;
  });
  Require(walked.ok());  // Its visitor cannot fail.
  return count;
}

}  // namespace

MemType FencedType(Fence fence) {
  switch (fence) {
    case Fence::kReserved:
      return MemType::kReserved;
    case Fence::kHeld:
      return MemType::kUsable;
    case Fence::kPmem:
      return MemType::kPmem;
    case Fence::kPram:
      return MemType::kPram;
  }
  Bug();
}

bool IsFenceType(MemType type) {
  return type == MemType::kReserved || type == MemType::kPmem || type == MemType::kPram;
}

Fence FenceThrough(KernelEntry entry, Fence fence) {
  const bool is_persistent = fence == Fence::kPmem || fence == Fence::kPram;
  return is_persistent && IsEfiEntry(entry) ? Fence::kReserved : fence;
}

Status FenceMap(const MemoryMap& map, const PreservedMap& kept, const FenceLimits& limits, MemoryMap& out,
                std::uint64_t& closed_bytes) {
  closed_bytes = 0;
  const std::uint64_t budget = std::min<std::uint64_t>(limits.entry_budget, out.capacity());
  const std::uint64_t count = CountEntries(map, kept, limits);
  SmallestGaps closing;
  if (count > budget) {
    // Each closed gap joins two reserved entries and its own into one.  Its ends are ends of kept ranges, hence whole
    // pages.
    const auto found = FindSmallestGaps((count - budget + 1) / 2, [&](auto visit) {
      const Status walked = WalkPieces(map, kept, limits, [&visit](const Piece& piece) -> Status {
        if (piece.closable) {
          visit(piece.range.size());
        }
        return kDone;
      });
      Require(walked.ok());  // Its visitor cannot fail.
    });
    if (!found.ok()) {
      return Error{Errc::kTableFull, budget};
    }
    closing = found.value();
  }
  return WalkPieces(map, kept, limits, [&](const Piece& piece) -> Status {
    if (piece.closable && closing.Take(piece.range.size())) {
      closed_bytes += piece.range.size();
      return out.AppendAscending(piece.range, MemType::kReserved);
    }
    return out.AppendAscending(piece.range, piece.type);
  });
}

}  // namespace holdfast
