// SPDX-License-Identifier: BSD-2-Clause
// Identity page tables of our own.

#include "common/arch/x86/page-tables.h"

#include "common/base/align.h"

namespace holdfast::x86 {
namespace {

constexpr std::uint64_t kPresent = 1 << 0;
constexpr std::uint64_t kWritable = 1 << 1;
constexpr std::uint64_t kLargePage = 1 << 7;
constexpr std::uint64_t kAddressMask = 0x000ffffffffff000;

constexpr unsigned kShift2M = 21;
constexpr unsigned kShift1G = 30;

std::size_t IndexAt(std::uint64_t address, unsigned shift) { return address >> shift & 511; }

std::uint64_t AddressOf(const PageTable& table) { return reinterpret_cast<std::uintptr_t>(&table); }

}  // namespace

std::uint64_t IdentityMap::root() const { return AddressOf(pool_[0]); }

// The table that holds entries of 1 << leaf_shift bytes for `address`, made where it is missing; null where a
// larger leaf covers the address already.
Result<PageTable*> IdentityMap::TableFor(std::uint64_t address, unsigned leaf_shift) {
  PageTable* table = &pool_[0];
  for (unsigned shift = 12 + 9 * (levels_ - 1); shift != leaf_shift; shift -= 9) {
    std::uint64_t& entry = table->entries[IndexAt(address, shift)];
    if ((entry & kLargePage) != 0) {
      return static_cast<PageTable*>(nullptr);
    }
    if (entry == 0) {
      if (used_ == pool_.size()) {
        return Error{Errc::kTableFull, pool_.size()};
      }
      entry = AddressOf(pool_[used_++]) | kPresent | kWritable;
    }
    table = reinterpret_cast<PageTable*>(entry & kAddressMask);
  }
  return table;
}

Status IdentityMap::Map(PhysRange range) {
  const PhysRange whole = range.RoundedOut(std::uint64_t{1} << kShift2M);
  // The lower half of the address space is all that an identity map reaches.
  if (const std::uint64_t limit = std::uint64_t{1} << (12 + 9 * levels_ - 1); whole.end().raw() > limit) {
    return Error{Errc::kOutOfBounds, limit};
  }
  for (std::uint64_t at = whole.start().raw(); at < whole.end().raw();) {
    const bool fits_gib = IsAligned(at, kGiB) && whole.end().raw() - at >= kGiB;
    if (has_gib_pages_ && fits_gib) {
      TRY_ASSIGN(PageTable * table, TableFor(at, kShift1G));
      std::uint64_t& entry = table->entries[IndexAt(at, kShift1G)];
      if (entry == 0) {
        entry = at | kPresent | kWritable | kLargePage;
      }
      if ((entry & kLargePage) != 0) {
        at += kGiB;
        continue;
      }
      // A table of 2 MiB leaves stands there already: fill it.
    }
    TRY_ASSIGN(PageTable * table, TableFor(at, kShift2M));
    if (table != nullptr) {
      table->entries[IndexAt(at, kShift2M)] = at | kPresent | kWritable | kLargePage;
    }
    at += std::uint64_t{1} << kShift2M;
  }
  return kDone;
}

}  // namespace holdfast::x86
