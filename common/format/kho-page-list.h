// SPDX-License-Identifier: BSD-2-Clause
// Lists of pages whose first word is the address of the next page, as KHO and its clients make them.

#pragma once

#include <cstdint>

#include "common/mem/cycle-guard.h"
#include "common/mem/phys-read.h"

namespace holdfast {

// Gives every page of the list to `visit`, which returns a Status.  kCycle, kTooLarge (where: bytes): more than
// `max_pages`; kMisaligned, kOutOfBounds, kUnreadable (where: the pointer).
template <typename Visit>
Status ForEachListPage(const PhysMemory& memory, PhysAddr first, std::uint64_t max_pages, Visit visit) {
  CycleGuard guard;
  PhysAddr at = first;
  for (std::uint64_t steps = 0; at != PhysAddr(0); ++steps) {
    if (steps == max_pages) {
      return Error{Errc::kTooLarge, max_pages * kPageSize};
    }
    TRY(guard.Visit(at));
    TRY_ASSIGN(const StoredPage page, StoredPage::At(memory, at));
    TRY(visit(page));
    at = PhysAddr(page.U64(0));
  }
  return kDone;
}

}  // namespace holdfast
