// SPDX-License-Identifier: BSD-2-Clause
// Lists of ranges.

#include "tools/mkhandover/range-lists.h"

#include <catch2/catch.hpp>

#include "tests/unit/format/expect.h"

namespace holdfast::tool {
namespace {

using test::Between;
using Ranges = std::vector<PhysRange>;

TEST_CASE("Ranges that touch are joined, those that overlap only on demand", "[tool][range-lists]") {
  Ranges ranges = {Between(5, 7), Between(1, 3), Between(3, 4), Between(6, 9)};
  SortAndJoin(ranges, /*overlapping=*/false);
  CHECK(ranges == Ranges{Between(1, 4), Between(5, 7), Between(6, 9)});
  SortAndJoin(ranges, /*overlapping=*/true);
  CHECK(ranges == Ranges{Between(1, 4), Between(5, 9)});
}

TEST_CASE("A list without another and within another make the list", "[tool][range-lists]") {
  const Ranges ranges = {Between(0, 10), Between(20, 30), Between(40, 50)};
  const Ranges others = {Between(2, 4), Between(6, 22), Between(30, 40), Between(45, 60)};
  CHECK(Minus(ranges, others) == Ranges{Between(0, 2), Between(4, 6), Between(22, 30), Between(40, 45)});
  CHECK(Within(ranges, others) == Ranges{Between(2, 4), Between(6, 10), Between(20, 22), Between(45, 50)});
  CHECK(Minus(ranges, {}) == ranges);
  CHECK(Within(ranges, {}).empty());
  CHECK(Minus(ranges, {Between(0, 100)}).empty());
}

}  // namespace
}  // namespace holdfast::tool
