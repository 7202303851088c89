// SPDX-License-Identifier: BSD-2-Clause
// Identity page tables of our own.
//
// The tables that a kexec leaves lie in ordinary RAM, in no segment; copying over them kills the machine.
// Source: Intel SDM vol. 3A, 4.5.

#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "common/base/result.h"
#include "common/mem/phys-range.h"

namespace holdfast::x86 {

struct alignas(4096) PageTable {
  std::array<std::uint64_t, 512> entries;
};

class IdentityMap {
 public:
  // Pre: `pool` lies at its own physical address, is zeroed, and holds one table or more.
  // levels is 4, or 5 where CR4.LA57 is set.
  IdentityMap(std::span<PageTable> pool, unsigned levels, bool has_gib_pages)
      : pool_(pool), levels_(levels), has_gib_pages_(has_gib_pages) {}

  // Maps the range, rounded outward to 2 MiB, readable, writable and executable.  Ranges may repeat.
  // kTableFull: the pool is used up.  kOutOfBounds: beyond what this many levels reach.
  Status Map(PhysRange range);

  // For CR3.
  std::uint64_t root() const;

 private:
  Result<PageTable*> TableFor(std::uint64_t address, unsigned leaf_shift);

  std::span<PageTable> pool_;
  unsigned levels_;
  bool has_gib_pages_;
  std::size_t used_ = 1;  // the root
};

}  // namespace holdfast::x86
