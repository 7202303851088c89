// SPDX-License-Identifier: BSD-2-Clause
// A fence in firmware's own memory map.

#include "common/plan/firmware-claims.h"

namespace holdfast {
namespace {

constexpr PhysAddr kLowMemoryEnd{kMiB};

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

// What touches and is alike is one allocation.
Status AppendClaim(PhysRange range, bool stays_ram, BoundedVector<FirmwareClaim>& out) {
  if (!out.empty() && out.back().stays_ram == stays_ram && out.back().range.end() == range.start()) {
    TRY_ASSIGN(out.back().range, PhysRange::FromStartEnd(out.back().range.start(), range.end()));
    return kDone;
  }
  return out.Append({range, stays_ram});
}

// Of RAM that stays RAM, what is kept.
Status ClaimKept(const PreservedMap& kept, PhysRange ram, BoundedVector<FirmwareClaim>& out) {
  for (std::size_t i = kept.FirstEndingAfter(ram.start()); i < kept.size(); ++i) {
    const PhysRange hit = ram.Intersection(kept.view()[i].range);
    if (hit.empty()) {
      break;
    }
    TRY(AppendClaim(hit, /*stays_ram=*/true, out));
  }
  return kDone;
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
  for (const MemEntry& before : in.memory.view()) {
    if (!IsRam(before.type)) {
      continue;
    }
    for (std::size_t i = plan.memory.FirstEndingAfter(before.range.start()); i < plan.memory.size(); ++i) {
      const MemEntry& after = plan.memory.view()[i];
      const PhysRange part = before.range.Intersection(after.range);
      if (part.empty()) {
        break;
      }
      TRY(IsRam(after.type) ? ClaimKept(in.handover.kept, part, out) : AppendClaim(part, /*stays_ram=*/false, out));
    }
  }
  return kDone;
}

}  // namespace holdfast
