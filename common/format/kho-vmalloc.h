// SPDX-License-Identifier: BSD-2-Clause
// Areas of scattered pages that KHO's clients hand over (struct kho_vmalloc).

#pragma once

#include <cstdint>

#include "common/abi/kho.h"
#include "common/format/kho-page-list.h"

namespace holdfast {

inline constexpr std::uint64_t kMaxKhoVmallocPages = std::uint64_t{1} << 20;

// Gives every page of the area to `visit`, which returns a Status.  kMalformed (where: the area's first chunk): it has
// not as many pages as it says; kTooLarge (where: bytes): more than kMaxKhoVmallocPages; ForEachListPage()'s errors;
// kMisaligned (where: the pointer) of pages that are not of the area's order.
template <typename Visit>
Status ForEachKhoVmallocPage(const PhysMemory& memory, const KhoVmalloc& area, Visit visit) {
  const PhysAddr first(area.first.value());
  const std::uint64_t total = area.total_pages.value();
  if (total > kMaxKhoVmallocPages) {
    return Error{Errc::kTooLarge, kMaxKhoVmallocPages * kPageSize};
  }
  if (area.order.value() >= 32 || (total != 0 && total >> area.order.value() == 0)) {
    return Error{Errc::kMalformed, first.raw()};
  }
  const std::uint64_t step = std::uint64_t{1} << area.order.value();
  std::uint64_t seen = 0;
  TRY(ForEachListPage(memory, first, kMaxKhoVmallocPages, [&](const StoredPage& chunk) -> Status {
    for (std::size_t offset = offsetof(KhoVmallocChunk, phys); offset < kPageSize; offset += sizeof(Le64)) {
      const std::uint64_t entry = chunk.U64(offset);
      if (entry == 0) {
        break;
      }
      if (total - seen < step) {
        return Error{Errc::kMalformed, first.raw()};
      }
      seen += step;
      TRY_ASSIGN(const PhysRange pages, PhysRange::FromStartSize(PhysAddr(entry), step * kPageSize));
      if (!IsAligned(entry, step * kPageSize)) {
        return Error{Errc::kMisaligned, entry};
      }
      for (std::uint64_t at = entry; at < pages.end().raw(); at += kPageSize) {
        TRY_ASSIGN(const StoredPage page, StoredPage::At(memory, PhysAddr(at)));
        TRY(visit(page));
      }
    }
    return kDone;
  }));
  if (seen != total) {
    return Error{Errc::kMalformed, first.raw()};
  }
  return kDone;
}

// The same for an array of T in the area, of `count` elements: those to `visit`, with their addresses.  Pre: a page is
// a whole number of them.  kMalformed (where: the area's first chunk): the area is too small.
template <typename T, typename Visit>
Status ForEachKhoVmallocItem(const PhysMemory& memory, const KhoVmalloc& area, std::uint64_t count, Visit visit) {
  static_assert(kPageSize % sizeof(T) == 0);
  if (count > area.total_pages.value() * (kPageSize / sizeof(T))) {
    return Error{Errc::kMalformed, area.first.value()};
  }
  std::uint64_t left = count;
  return ForEachKhoVmallocPage(memory, area, [&](const StoredPage& page) -> Status {
    for (std::size_t offset = 0; offset < kPageSize && left != 0; offset += sizeof(T), --left) {
      TRY(visit(page.Get<T>(offset), page.WhereOf(offset)));
    }
    return kDone;
  });
}

}  // namespace holdfast
