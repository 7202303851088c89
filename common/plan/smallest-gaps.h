// SPDX-License-Identifier: BSD-2-Clause
// Which gaps to close, where there are more than a table takes.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/result.h"
#include "common/mem/phys-range.h"

namespace holdfast {

// All gaps smaller than `size`, and the first `num_equal` of exactly that size.
struct SmallestGaps {
  std::uint64_t size = 0;  // bytes
  std::uint64_t num_equal = 0;

  // Is it one of them?  To be asked of each gap once, in the order in which they were counted.
  bool Take(std::uint64_t gap) {
    if (gap != size) {
      return gap < size;
    }
    if (num_equal == 0) {
      return false;
    }
    --num_equal;
    return true;
  }
};

// Finds the `num_wanted` smallest gaps by their size in pages, eight bits at a time from the top, so that no list of
// gaps has to be stored.  walk(visit) calls visit(size in bytes) for each gap, the same ones each time.
// kTableFull (where: how many more were wanted): there are not that many.
template <typename Walk>
Result<SmallestGaps> FindSmallestGaps(std::uint64_t num_wanted, Walk walk) {
  constexpr unsigned kDigitBits = 8;
  constexpr unsigned kPageBits = 40;  // 52 bits of address, less 12
  std::uint64_t prefix = 0;           // the digits of the size that are known
  for (unsigned shift = kPageBits; shift != 0;) {
    shift -= kDigitBits;
    std::array<std::uint64_t, std::size_t{1} << kDigitBits> counts{};
    walk([&](std::uint64_t size) {
      const std::uint64_t digits = size / kPageSize >> shift;
      if (digits >> kDigitBits == prefix) {
        ++counts[digits & (counts.size() - 1)];
      }
    });
    std::size_t digit = 0;
    while (digit < counts.size() && counts[digit] < num_wanted) {
      num_wanted -= counts[digit];
      ++digit;
    }
    if (digit == counts.size()) {
      return Error{Errc::kTableFull, num_wanted};
    }
    prefix = prefix << kDigitBits | digit;
  }
  return SmallestGaps{prefix * kPageSize, num_wanted};
}

}  // namespace holdfast
