// SPDX-License-Identifier: BSD-2-Clause
// A set of bytes as sorted, disjoint, non-adjacent ranges.

#include "common/mem/range-set.h"

#include <algorithm>

namespace holdfast {
namespace {

// Pre: start is at or before end.
PhysRange Between(PhysAddr start, PhysAddr end) { return PhysRange::FromStartEnd(start, end).value(); }

}  // namespace

std::size_t RangeSet::FirstEndingAfter(PhysAddr address) const {
  const auto it = std::partition_point(ranges_.begin(), ranges_.end(),
                                       [address](const PhysRange& range) { return range.end() <= address; });
  return static_cast<std::size_t>(it - ranges_.begin());
}

Status RangeSet::Add(PhysRange range) {
  if (range.empty()) {
    return kDone;
  }
  //   |--------|    |---|  |-------|        what meets or touches `range` ...
  //            |<------ range ----->|
  //   |----------------------------|        ... becomes one with it
  //   ^first                          ^last
  const std::size_t first = range.start().raw() == 0 ? 0 : FirstEndingAfter(PhysAddr(range.start().raw() - 1));
  std::size_t last = first;
  while (last < ranges_.size() && ranges_[last].start() <= range.end()) {
    ++last;
  }
  if (first == last) {
    return ranges_.Insert(first, range);
  }
  ranges_[first] =
      Between(std::min(ranges_[first].start(), range.start()), std::max(ranges_[last - 1].end(), range.end()));
  ranges_.Erase(first + 1, last);
  return kDone;
}

Status RangeSet::AddApart(PhysRange range) {
  if (range.empty() || FirstOverlap(range)) {
    return Add(range);
  }
  return ranges_.Insert(FirstEndingAfter(range.start()), range);
}

Status RangeSet::Remove(PhysRange range) {
  if (range.empty()) {
    return kDone;
  }
  std::size_t first = FirstEndingAfter(range.start());
  std::size_t last = first;
  while (last < ranges_.size() && ranges_[last].start() < range.end()) {
    ++last;
  }
  if (first == last) {
    return kDone;
  }
  //   |------------|   |----|   |-----------|
  //         |<------ range ------->|
  //   |left |                      |  right |
  const PhysRange left = ranges_[first].UpTo(range.start());
  const PhysRange right = ranges_[last - 1].From(range.end());
  if (!left.empty() && !right.empty() && last - first == 1) {
    TRY(ranges_.Insert(last, right));
    ranges_[first] = left;
    return kDone;
  }
  if (!left.empty()) {
    ranges_[first++] = left;
  }
  if (!right.empty()) {
    ranges_[--last] = right;
  }
  ranges_.Erase(first, last);
  return kDone;
}

std::uint64_t RangeSet::bytes() const {
  std::uint64_t sum = 0;
  for (const PhysRange& range : ranges_) {
    sum += range.size();
  }
  return sum;
}

bool RangeSet::Contains(PhysRange range) const { return !FirstMissing(range).has_value(); }

std::optional<PhysRange> RangeSet::FirstOverlap(PhysRange range) const {
  const std::size_t i = FirstEndingAfter(range.start());
  if (i == ranges_.size() || !ranges_[i].Overlaps(range)) {
    return std::nullopt;
  }
  return ranges_[i].Intersection(range);
}

std::optional<PhysRange> RangeSet::FirstMissing(PhysRange range) const {
  PhysRange rest = range;
  std::size_t i = FirstEndingAfter(rest.start());
  for (; i < ranges_.size() && ranges_[i].start() <= rest.start() && !rest.empty(); ++i) {
    rest = rest.From(ranges_[i].end());
  }
  if (i < ranges_.size()) {
    rest = rest.UpTo(ranges_[i].start());
  }
  return rest.empty() ? std::nullopt : std::optional(rest);
}

}  // namespace holdfast
