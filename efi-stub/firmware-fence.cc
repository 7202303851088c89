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

EFI_MEMORY_TYPE TypeOf(const FirmwareClaim& claim) { return claim.stays_ram ? EfiLoaderData : EfiReservedMemoryType; }

Status Explained(Status taken, std::string_view what, PhysRange range, Problem& problem) {
  if (!taken.ok() && taken.error().code == Errc::kNotFound) {
    return Explain(problem, {Errc::kFirmware, EFI_NOT_FOUND}, what, range);
  }
  return Check(problem, taken, what, range);
}

}  // namespace

void ClaimAsRam(const PreservedMap& kept, std::uint8_t source, std::span<FirmwareClaim> claims) {
  const auto is_its_own = [source](const KeptRange& each) { return each.source == source; };
  for (FirmwareClaim& claim : claims) {
    const auto ending_after = kept.view().subspan(kept.FirstEndingAfter(claim.range.start()));
    const auto behind = std::find_if(ending_after.begin(), ending_after.end(), [&claim](const KeptRange& each) {
      return each.range.start() >= claim.range.end();
    });
    claim.stays_ram = claim.stays_ram || std::any_of(ending_after.begin(), behind, is_its_own);
  }
}

Status FirmwareFence::Claim(std::span<const FirmwareClaim> wanted, std::span<const FoundHandover> found,
                            Problem& problem) {
  for (const FirmwareClaim& claim : wanted) {
    TRY(SplitAround(claim.range, problem));
  }
  for (std::size_t i = wanted.size(); i > 0; --i) {
    TRY(ClaimRest(wanted[i - 1], problem));
  }
  return Release(wanted, found, problem);
}

// What is not wanted.  A tree may have lain in a gap that was claimed: it is held as HoldTrees() would have.
Status FirmwareFence::Release(std::span<const FirmwareClaim> wanted, std::span<const FoundHandover> found,
                              Problem& problem) {
  for (const FoundHandover& handover : found) {
    if (handover.carrier == Carrier::kTree) {
      TRY(SplitAround(handover.at.RoundedOut(kPageSize), problem));
    }
  }
  for (std::size_t i = claims_.size(); i > 0; --i) {
    FirmwareClaim& claim = claims_[i - 1];
    const bool is_wanted = std::any_of(
        wanted.begin(), wanted.end(), [&claim](const FirmwareClaim& each) { return each.range.Contains(claim.range); });
    if (is_wanted) {
      continue;
    }
    const bool is_tree = std::any_of(found.begin(), found.end(), [&claim](const FoundHandover& each) {
      return each.carrier == Carrier::kTree && each.at.Overlaps(claim.range);
    });
    if (is_tree) {
      TRY(Retype(claim, /*stays_ram=*/true, problem));
    } else {
      ledger_.Free(claim.range);
      claims_.Erase(i - 1, i);
    }
  }
  return kDone;
}

Status FirmwareFence::SplitAround(PhysRange range, Problem& problem) {
  TRY(Check(problem, SplitAt(range.start()), kKeptMemory, range));
  return Check(problem, SplitAt(range.end()), kKeptMemory, range);
}

// So that every claim is wanted as a whole, or not at all.
Status FirmwareFence::SplitAt(PhysAddr at) {
  const auto* const claim = std::find_if(claims_.begin(), claims_.end(), [at](const FirmwareClaim& each) {
    return each.range.start() < at && at < each.range.end();
  });
  if (claim == claims_.end()) {
    return kDone;
  }
  const auto index = static_cast<std::size_t>(claim - claims_.begin());
  const FirmwareClaim whole = *claim;
  TRY(claims_.Insert(index + 1, {whole.range.From(at), whole.stays_ram}));
  claims_[index].range = whole.range.UpTo(at);
  return ledger_.Split(whole.range, at);
}

// Of one that is wanted, what is claimed by another type, and what is not claimed.
Status FirmwareFence::ClaimRest(const FirmwareClaim& wanted, Problem& problem) {
  std::size_t place = claims_.size();
  PhysAddr end = wanted.range.end();
  for (; place > 0 && claims_[place - 1].range.end() > wanted.range.start(); --place) {
    const PhysRange claimed = claims_[place - 1].range;
    if (claimed.start() >= wanted.range.end()) {
      continue;
    }
    TRY(ClaimPart(place, {wanted.range.From(claimed.end()).UpTo(end), wanted.stays_ram}, problem));
    TRY(Retype(claims_[place - 1], wanted.stays_ram, problem));
    end = claimed.start();
  }
  return ClaimPart(place, {wanted.range.UpTo(end), wanted.stays_ram}, problem);
}

Status FirmwareFence::ClaimPart(std::size_t place, const FirmwareClaim& claim, Problem& problem) {
  if (claim.range.empty()) {
    return kDone;
  }
  TRY(Check(problem, claims_.Insert(place, claim), kKeptMemory, claim.range));
  const Status taken = Allocate(claim.range, TypeOf(claim), kKeptMemory, problem);
  if (!taken.ok()) {
    claims_.Erase(place, place + 1);
  }
  return taken;
}

Status FirmwareFence::Retype(FirmwareClaim& claim, bool stays_ram, Problem& problem) {
  if (claim.stays_ram == stays_ram) {
    return kDone;
  }
  claim.stays_ram = stays_ram;
  return Explained(ledger_.Retype(claim.range, TypeOf(claim), bounce_), kKeptMemory, claim.range, problem);
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
  return Explained(ledger_.AllocateAt(range, type), what, range, problem);
}

}  // namespace holdfast::efi
