// SPDX-License-Identifier: BSD-2-Clause
// Every page that the application has taken.

#include <algorithm>

#include "efi-stub/firmware.h"

namespace holdfast::efi {

Status Ledger::AllocateAt(PhysRange range, EFI_MEMORY_TYPE type) {
  // Room first: what is taken has to be in here.
  TRY(taken_.Append(range));
  const Status status = firmware_.AllocateAt(range, type);
  if (!status.ok()) {
    taken_.Truncate(taken_.size() - 1);
  }
  return status;
}

Result<PhysRange> Ledger::Allocate(std::uint64_t size, EFI_MEMORY_TYPE type, std::uint64_t limit) {
  TRY(taken_.Append(PhysRange()));
  const auto range = firmware_.Allocate(size, type, limit);
  if (range.ok()) {
    taken_.back() = range.value();
  } else {
    taken_.Truncate(taken_.size() - 1);
  }
  return range;
}

void Ledger::Free(PhysRange range) {
  const auto index = static_cast<std::size_t>(std::find(taken_.begin(), taken_.end(), range) - taken_.begin());
  Require(index < taken_.size());
  firmware_.Free(range);
  taken_.Erase(index, index + 1);
}

void Ledger::FreeAll() {
  for (const PhysRange range : taken_) {
    firmware_.Free(range);
  }
  taken_.Clear();
}

}  // namespace holdfast::efi
