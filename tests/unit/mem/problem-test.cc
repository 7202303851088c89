// SPDX-License-Identifier: BSD-2-Clause
// A rule that does not hold, with everything a person needs to see why.

#include "common/mem/problem.h"

#include <catch2/catch.hpp>

namespace holdfast {
namespace {

TEST_CASE("A problem says nothing but its rule until more is known", "[mem][problem]") {
  const Problem problem{.code = Errc::kCycle, .where = 0x1000};
  CHECK(problem.what.empty());
  CHECK(problem.range.empty());
  CHECK(problem.other.empty());
  CHECK(problem.other_range.empty());
  CHECK_FALSE(problem.type);
  CHECK_FALSE(problem.kept);
}

}  // namespace
}  // namespace holdfast
