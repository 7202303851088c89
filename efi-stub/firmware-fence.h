// SPDX-License-Identifier: BSD-2-Clause
// The fence in firmware's own map: what was claimed, by allocating it.

#pragma once

#include <span>

#include "common/format/find-handovers.h"
#include "common/mem/problem.h"
#include "common/plan/firmware-claims.h"
#include "efi-stub/firmware.h"

namespace holdfast::efi {

class FirmwareFence {
 public:
  FirmwareFence(Ledger& ledger, std::span<FirmwareClaim> storage) : ledger_(ledger), claims_(storage) {}

  // Claims what is wanted, and nothing else.  What was claimed before is allocated anew only where its type or its
  // extent changes: for that moment it is free, and firmware has no reason to take it.  On error `problem` says why,
  // and what is claimed so far is in the ledger: kFirmware (where: the status; range: the claim), kTableFull.
  Status Claim(std::span<const FirmwareClaim> wanted, Problem& problem);
  // Keeps firmware off the pages of trees, which are read until the end, where they lie in free memory and are not
  // claimed.  `owned` is firmware's.  Errors as above.
  Status HoldTrees(std::span<const FoundHandover> found, std::span<const FirmwareRange> owned, Problem& problem);

  std::span<const FirmwareClaim> view() const { return claims_.view(); }

 private:
  Status Allocate(PhysRange range, EFI_MEMORY_TYPE type, std::string_view what, Problem& problem);
  void ReleaseIf(std::span<const FirmwareClaim> wanted, PhysRange where);

  Ledger& ledger_;
  BoundedVector<FirmwareClaim> claims_;  // ascending
};

}  // namespace holdfast::efi
