// SPDX-License-Identifier: BSD-2-Clause
// A fence in firmware's own memory map.

#include "common/plan/firmware-claims.h"

#include <algorithm>

#include "common/plan/fence-map.h"
#include "common/plan/smallest-gaps.h"

namespace holdfast {
namespace {

// What of `owned` is not claimed.  `claims` ascend; those that end before it are dropped from them.
Status AppendUnclaimed(const FirmwareRange& owned, std::span<const FirmwareClaim>& claims, BoundedVector<InUse>& out) {
  const auto append = [&](PhysRange range) -> Status {
    return range.empty() ? Status(kDone) : out.Append({.name = EfiMemoryTypeName(owned.type), .range = range});
  };
  PhysRange rest = owned.range;
  while (!claims.empty() && claims.front().range.start() < rest.end()) {
    const PhysRange claimed = claims.front().range;
    TRY(append(rest.UpTo(claimed.start())));
    rest = rest.From(claimed.end());
    if (claimed.end() > owned.range.end()) {
      break;  // It goes on in the next range.
    }
    claims = claims.subspan(1);
  }
  return append(rest);
}

// Finds what to claim, in ascending order, each stretch as long as what touches is alike.
class ClaimWalk {
 public:
  ClaimWalk(const BootInputs& in, const BootPlan& plan) : in_(in), plan_(plan) {}

  // Calls visit(claim, gap), where the gap is what lies between it and the claim before; empty if it cannot be
  // claimed too.
  template <typename Visit>
  Status ForEach(Visit visit) const {
    FirmwareClaim last;
    PhysRange gap;
    TRY(ForEachPiece([&](const FirmwareClaim& piece, PhysRange stretch) -> Status {
      if (!last.range.empty() && last.stays_ram == piece.stays_ram && last.range.end() == piece.range.start()) {
        TRY_ASSIGN(last.range, PhysRange::FromStartEnd(last.range.start(), piece.range.end()));
        return kDone;
      }
      if (!last.range.empty()) {
        TRY(visit(last, gap));
      }
      gap = last.stays_ram && piece.stays_ram ? GapBefore(piece.range, last.range.end(), stretch) : PhysRange();
      last = piece;
      return kDone;
    }));
    return last.range.empty() ? Status(kDone) : visit(last, gap);
  }

 private:
  // Of each stretch of RAM that is of one type before and after, what to claim.
  template <typename Visit>
  Status ForEachPiece(Visit visit) const {
    for (const MemEntry& before : in_.memory.view()) {
      // Free too, but for a special purpose.
      const bool is_soft_reserved = before.type == MemType::kSoftReserved;
      if (!IsRam(before.type) && !is_soft_reserved) {
        continue;
      }
      for (std::size_t i = plan_.memory.FirstEndingAfter(before.range.start()); i < plan_.memory.size(); ++i) {
        const MemEntry& after = plan_.memory.view()[i];
        const PhysRange stretch = before.range.Intersection(after.range);
        if (stretch.empty()) {
          break;
        }
        if (is_soft_reserved || IsRam(after.type)) {
          TRY(ForEachKept(stretch, /*stays_ram=*/!is_soft_reserved, visit));
        } else {
          TRY(visit({stretch, /*stays_ram=*/false}, stretch));
        }
      }
    }
    return kDone;
  }

  template <typename Visit>
  Status ForEachKept(PhysRange stretch, bool stays_ram, Visit& visit) const {
    const PreservedMap& kept = in_.handover.kept;
    for (std::size_t i = kept.FirstEndingAfter(stretch.start()); i < kept.size(); ++i) {
      const PhysRange hit = stretch.Intersection(kept.view()[i].range);
      if (hit.empty()) {
        break;
      }
      TRY(visit({hit, stays_ram}, stretch));
    }
    return kDone;
  }

  // What lies before `range` from `end` on, if firmware and the next kernel's own places leave it.
  PhysRange GapBefore(PhysRange range, PhysAddr end, PhysRange stretch) const {
    const auto gap = PhysRange::FromStartEnd(end, range.start());
    if (!gap.ok() || !stretch.Contains(gap.value()) || plan_.avoid.FirstOverlap(gap.value())) {
      return PhysRange();
    }
    if (in_.handover.native) {
      for (const PhysRange& area : in_.handover.native->scratch) {
        if (area.Overlaps(gap.value())) {
          return PhysRange();
        }
      }
    }
    return gap.value();
  }

  const BootInputs& in_;
  const BootPlan& plan_;
};

// The gaps to be claimed, so that kMaxFencesInFirmware claims stay RAM, or as few as there can be.
SmallestGaps FindClosedGaps(const ClaimWalk& walk) {
  std::uint64_t num_claims = 0;
  std::uint64_t num_gaps = 0;
  const auto for_each = [&walk](auto visit) {
    const Status walked = walk.ForEach([&visit](const FirmwareClaim& claim, PhysRange gap) -> Status {
      visit(claim, gap);
      return kDone;
    });
    Require(walked.ok());  // Its visitor cannot fail.
  };
  for_each([&](const FirmwareClaim& claim, PhysRange gap) {
    num_claims += claim.stays_ram ? 1 : 0;
    num_gaps += gap.empty() ? 0 : 1;
  });
  if (num_claims <= kMaxFencesInFirmware) {
    return {};
  }
  const auto found = FindSmallestGaps(std::min(num_claims - kMaxFencesInFirmware, num_gaps), [&](auto visit) {
    for_each([&](const FirmwareClaim&, PhysRange gap) {
      if (!gap.empty()) {
        visit(gap.size());
      }
    });
  });
  return found.value();
}

}  // namespace

Status ListFirmwareInUse(std::span<const FirmwareRange> owned, std::span<const FirmwareClaim> claimed,
                         BoundedVector<InUse>& out) {
  TRY_ASSIGN(const PhysRange low, PhysRange::FromStartEnd(PhysAddr(0), kLowMemoryEnd));
  TRY(out.Append({.name = "first MiB", .range = low}));
  for (const FirmwareRange& each : owned) {
    TRY(AppendUnclaimed({each.range.From(kLowMemoryEnd), each.type}, claimed, out));
  }
  return kDone;
}

Status ListFirmwareClaims(const BootInputs& in, const BootPlan& plan, BoundedVector<FirmwareClaim>& out) {
  const ClaimWalk walk(in, plan);
  SmallestGaps closing = FindClosedGaps(walk);
  return walk.ForEach([&](const FirmwareClaim& claim, PhysRange gap) -> Status {
    if (!gap.empty() && closing.Take(gap.size())) {
      TRY_ASSIGN(out.back().range, PhysRange::FromStartEnd(out.back().range.start(), claim.range.end()));
      return kDone;
    }
    return out.Append(claim);
  });
}

}  // namespace holdfast
