// SPDX-License-Identifier: BSD-2-Clause
// Lists of ranges, however long.

#pragma once

#include <vector>

#include "common/mem/phys-range.h"

namespace holdfast::tool {

bool Ascends(PhysRange a, PhysRange b);

// Joins ranges that touch; with `overlapping` also those that overlap.
void SortAndJoin(std::vector<PhysRange>& ranges, bool overlapping);

// What of `ranges` is not in `others`.  Pre: both ascend, and `others` are disjoint.
std::vector<PhysRange> Minus(const std::vector<PhysRange>& ranges, const std::vector<PhysRange>& others);
// What of `ranges` is in `others` as well.  Pre: as above.
std::vector<PhysRange> Within(const std::vector<PhysRange>& ranges, const std::vector<PhysRange>& others);

std::uint64_t BytesIn(const std::vector<PhysRange>& ranges);

}  // namespace holdfast::tool
