// SPDX-License-Identifier: BSD-2-Clause
// A set of bytes as sorted, disjoint ranges, of which only those touch that AddApart() brought.
//
// The storage is the shell's.  Insertion in ascending order is cheap; Add() into
// the middle moves what follows.

#pragma once

#include <optional>
#include <span>

#include "common/base/bounded-vector.h"
#include "common/mem/phys-range.h"

namespace holdfast {

class RangeSet {
 public:
  constexpr explicit RangeSet(std::span<PhysRange> storage) : ranges_(storage) {}

  // The union with `range`.  kTableFull leaves the set as it was.
  Status Add(PhysRange range);
  // The same, but what only touches stays as it is, so that view() has each range that was added.
  Status AddApart(PhysRange range);
  // The set without `range`.  kTableFull (a range was to be split) leaves the set as it was.
  Status Remove(PhysRange range);
  void Clear() { ranges_.Clear(); }

  std::span<const PhysRange> view() const { return ranges_.view(); }
  std::uint64_t bytes() const;

  bool Contains(PhysRange range) const;
  // The first part of `range` that is in the set.
  std::optional<PhysRange> FirstOverlap(PhysRange range) const;
  // The first part of `range` that is not in the set.
  std::optional<PhysRange> FirstMissing(PhysRange range) const;

 private:
  // Index of the first range that ends after `address`.
  std::size_t FirstEndingAfter(PhysAddr address) const;

  BoundedVector<PhysRange> ranges_;
};

}  // namespace holdfast
