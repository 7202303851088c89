// SPDX-License-Identifier: BSD-2-Clause
// The fence in firmware's own map.

#include "efi-stub/firmware-fence.h"

#include <algorithm>

#include "common/mem/range-set.h"
#include "efi-stub/explain.h"

namespace holdfast::efi {
namespace {

constexpr std::string_view kKeptMemory = "kept memory";
constexpr std::string_view kHandover = "handover";
constexpr std::size_t kMaxParts = 64;  // of one tree

bool Contains(std::span<const FirmwareClaim> claims, const FirmwareClaim& claim) {
  return std::find(claims.begin(), claims.end(), claim) != claims.end();
}

EFI_MEMORY_TYPE TypeOf(const FirmwareClaim& claim) { return claim.stays_ram ? EfiLoaderData : EfiReservedMemoryType; }

}  // namespace

Status FirmwareFence::Claim(std::span<const FirmwareClaim> wanted, Problem& problem) {
  for (const FirmwareClaim& claim : wanted) {
    if (Contains(claims_.view(), claim)) {
      continue;
    }
    ReleaseIf(wanted, claim.range);
    std::size_t place = 0;
    while (place < claims_.size() && claims_[place].range.start() < claim.range.start()) {
      ++place;
    }
    TRY(Check(problem, claims_.Insert(place, claim), kKeptMemory, claim.range));
    const Status taken = Allocate(claim.range, TypeOf(claim), kKeptMemory, problem);
    if (!taken.ok()) {
      claims_.Erase(place, place + 1);
      return taken;
    }
  }
  ReleaseIf(wanted, PhysRange::All());
  return kDone;
}

// What overlaps `where` and is not wanted as it is.
void FirmwareFence::ReleaseIf(std::span<const FirmwareClaim> wanted, PhysRange where) {
  for (std::size_t i = 0; i < claims_.size();) {
    if (claims_[i].range.Overlaps(where) && !Contains(wanted, claims_[i])) {
      ledger_.Free(claims_[i].range);
      claims_.Erase(i, i + 1);
    } else {
      ++i;
    }
  }
}

Status FirmwareFence::HoldTrees(std::span<const FoundHandover> found, std::span<const FirmwareRange> owned,
                                Problem& problem) {
  for (const FoundHandover& handover : found) {
    if (handover.carrier != Carrier::kTree) {
      continue;
    }
    std::array<PhysRange, kMaxParts> storage;
    RangeSet parts(storage);
    TRY(Check(problem, parts.Add(handover.at.RoundedOut(kPageSize)), kHandover, handover.at));
    for (const FirmwareRange& range : owned) {
      TRY(Check(problem, parts.Remove(range.range), kHandover, handover.at));
    }
    for (const PhysRange taken : ledger_.view()) {
      TRY(Check(problem, parts.Remove(taken), kHandover, handover.at));
    }
    for (const PhysRange part : parts.view()) {
      TRY(Allocate(part, EfiLoaderData, kHandover, problem));
    }
  }
  return kDone;
}

Status FirmwareFence::Allocate(PhysRange range, EFI_MEMORY_TYPE type, std::string_view what, Problem& problem) {
  const Status taken = ledger_.AllocateAt(range, type);
  if (!taken.ok() && taken.error().code == Errc::kNotFound) {
    return Explain(problem, {Errc::kFirmware, EFI_NOT_FOUND}, what, range);
  }
  return Check(problem, taken, what, range);
}

}  // namespace holdfast::efi
