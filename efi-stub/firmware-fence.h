// SPDX-License-Identifier: BSD-2-Clause
// The fence in firmware's own map: what was claimed, by allocating it.

#pragma once

#include <span>

#include "common/format/find-handovers.h"
#include "common/mem/problem.h"
#include "common/plan/firmware-claims.h"
#include "efi-stub/firmware.h"

namespace holdfast::efi {

// There is no kernel yet, and it may take over what `source` keeps: what it needs as RAM is claimed as RAM from the
// start, so that nothing of it has to be freed for another type.
void ClaimAsRam(const PreservedMap& kept, std::uint8_t source, std::span<FirmwareClaim> claims);

class FirmwareFence {
 public:
  // `bounce` is for contents while their type changes: whole pages.
  FirmwareFence(Ledger& ledger, std::span<FirmwareClaim> storage, std::span<std::byte> bounce)
      : ledger_(ledger), claims_(storage), bounce_(bounce) {}

  // Claims what is wanted, and nothing else: from the top down, since firmware takes the pages for its own map from
  // there.  Of what was claimed before, what keeps its type is not touched, what changes it keeps its contents, and
  // what is not wanted any more is freed, but for the pages of the trees in `found`.  On error `problem` says why, and
  // what is claimed so far is in the ledger: kFirmware (where: the status; range: the claim), kTableFull.
  Status Claim(std::span<const FirmwareClaim> wanted, std::span<const FoundHandover> found, Problem& problem);
  // Keeps firmware off the pages of trees, which are read until the end, where they lie in free memory and are not
  // claimed.  `owned` is firmware's.  Errors as above.
  Status HoldTrees(std::span<const FoundHandover> found, std::span<const FirmwareRange> owned, Problem& problem);

  // In pieces: what was claimed as one may be several by now.
  std::span<const FirmwareClaim> view() const { return claims_.view(); }

 private:
  Status Allocate(PhysRange range, EFI_MEMORY_TYPE type, std::string_view what, Problem& problem);
  Status SplitAround(PhysRange range, Problem& problem);
  Status SplitAt(PhysAddr at);
  Status Release(std::span<const FirmwareClaim> wanted, std::span<const FoundHandover> found, Problem& problem);
  Status ClaimRest(const FirmwareClaim& wanted, Problem& problem);
  Status ClaimPart(std::size_t place, const FirmwareClaim& claim, Problem& problem);
  Status Retype(FirmwareClaim& claim, bool stays_ram, Problem& problem);

  Ledger& ledger_;
  BoundedVector<FirmwareClaim> claims_;  // ascending, each an entry of the ledger
  std::span<std::byte> bounce_;
};

}  // namespace holdfast::efi
