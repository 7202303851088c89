// SPDX-License-Identifier: BSD-2-Clause
// Lists of ranges, however long.

#include "tools/mkhandover/range-lists.h"

#include <algorithm>

namespace holdfast::tool {
namespace {

// Index of the first of `ranges` that ends after `address`.
std::size_t FirstEndingAfter(const std::vector<PhysRange>& ranges, PhysAddr address) {
  const auto found = std::partition_point(ranges.begin(), ranges.end(),
                                          [address](const PhysRange& each) { return each.end() <= address; });
  return static_cast<std::size_t>(found - ranges.begin());
}

}  // namespace

bool Ascends(PhysRange a, PhysRange b) { return a.start() != b.start() ? a.start() < b.start() : a.end() < b.end(); }

void SortAndJoin(std::vector<PhysRange>& ranges, bool overlapping) {
  std::sort(ranges.begin(), ranges.end(), Ascends);
  std::vector<PhysRange> joined;
  for (const PhysRange& range : ranges) {
    const bool joins =
        !joined.empty() && (overlapping ? range.start() <= joined.back().end() : range.start() == joined.back().end());
    if (joins) {
      joined.back() =
          PhysRange::FromStartEnd(joined.back().start(), std::max(joined.back().end(), range.end())).value();
    } else {
      joined.push_back(range);
    }
  }
  ranges = std::move(joined);
}

std::vector<PhysRange> Minus(const std::vector<PhysRange>& ranges, const std::vector<PhysRange>& others) {
  std::vector<PhysRange> out;
  for (PhysRange rest : ranges) {
    for (std::size_t i = FirstEndingAfter(others, rest.start()); i < others.size() && others[i].Overlaps(rest); ++i) {
      if (const PhysRange before = rest.UpTo(others[i].start()); !before.empty()) {
        out.push_back(before);
      }
      rest = rest.From(others[i].end());
    }
    if (!rest.empty()) {
      out.push_back(rest);
    }
  }
  return out;
}

std::vector<PhysRange> Within(const std::vector<PhysRange>& ranges, const std::vector<PhysRange>& others) {
  std::vector<PhysRange> out;
  for (const PhysRange& range : ranges) {
    for (std::size_t i = FirstEndingAfter(others, range.start()); i < others.size() && others[i].Overlaps(range); ++i) {
      out.push_back(range.Intersection(others[i]));
    }
  }
  return out;
}

std::uint64_t BytesIn(const std::vector<PhysRange>& ranges) {
  std::uint64_t sum = 0;
  for (const PhysRange& range : ranges) {
    sum += range.size();
  }
  return sum;
}

}  // namespace holdfast::tool
