// SPDX-License-Identifier: BSD-2-Clause
// A set of bytes as sorted, disjoint, non-adjacent ranges.

#include "common/mem/range-set.h"

#include <catch2/catch.hpp>

#include <array>
#include <vector>

#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using Ranges = std::vector<PhysRange>;

struct Set : private FixedStorage<PhysRange, 3>, public RangeSet {
  Set() : RangeSet(std::span<PhysRange>(storage_)) {}
  explicit Set(const Ranges& ranges) : Set() {
    for (const PhysRange& range : ranges) {
      REQUIRE(Add(range).ok());
    }
  }
};

const Ranges kTwo = {R(0x2000, 0x3000), R(0x5000, 0x6000)};

TEST_CASE("Add makes one range of all that it meets or touches", "[mem][range-set]") {
  struct Case {
    const char* name;
    PhysRange added;
    Ranges after;
  };
  const auto c =
      GENERATE(Case{"nothing", R(0x4000, 0x4000), kTwo},
               Case{"apart, below", R(0, 0x1fff), {R(0, 0x1fff), R(0x2000, 0x3000), R(0x5000, 0x6000)}},
               Case{"touching the start", R(0, 0x2000), {R(0, 0x3000), R(0x5000, 0x6000)}},
               Case{"over the start", R(0x1000, 0x2001), {R(0x1000, 0x3000), R(0x5000, 0x6000)}},
               Case{"inside", R(0x2001, 0x2fff), kTwo}, Case{"the same", R(0x2000, 0x3000), kTwo},
               Case{"touching the end", R(0x3000, 0x4000), {R(0x2000, 0x4000), R(0x5000, 0x6000)}},
               Case{"between", R(0x3001, 0x4fff), {R(0x2000, 0x3000), R(0x3001, 0x4fff), R(0x5000, 0x6000)}},
               Case{"filling the gap", R(0x3000, 0x5000), {R(0x2000, 0x6000)}},
               Case{"over both", R(0x1000, 0x9000), {R(0x1000, 0x9000)}},
               Case{"apart, above", R(0x6001, 0x7000), {R(0x2000, 0x3000), R(0x5000, 0x6000), R(0x6001, 0x7000)}},
               Case{"everything", PhysRange::All(), {PhysRange::All()}});
  INFO(c.name);
  Set set(kTwo);
  REQUIRE(set.Add(c.added).ok());
  CHECK(List(set.view()) == c.after);
  CHECK(set.Contains(c.added));
}

TEST_CASE("AddApart joins only what overlaps, and the questions do not mind", "[mem][range-set]") {
  std::array<PhysRange, 4> storage;
  RangeSet set(storage);
  REQUIRE(set.AddApart(kTwo[1]).ok());
  REQUIRE(set.AddApart(kTwo[0]).ok());
  REQUIRE(set.AddApart(R(0x3000, 0x4000)).ok());
  REQUIRE(set.AddApart(R(0x4000, 0x5000)).ok());
  REQUIRE(set.AddApart(R(0x9000, 0x9000)).ok());
  CHECK(List(set.view()) == Ranges{R(0x2000, 0x3000), R(0x3000, 0x4000), R(0x4000, 0x5000), R(0x5000, 0x6000)});
  CHECK(set.Contains(R(0x2800, 0x6000)));
  CHECK(set.FirstMissing(R(0x2800, 0x7000)) == R(0x6000, 0x7000));
  CHECK(set.FirstOverlap(R(0x2800, 0x5800)) == R(0x2800, 0x3000));
  Set joined(kTwo);
  REQUIRE(joined.AddApart(R(0x2800, 0x3800)).ok());
  CHECK(List(joined.view()) == Ranges{R(0x2000, 0x3800), R(0x5000, 0x6000)});
}

TEST_CASE("Remove cuts, splits and drops", "[mem][range-set]") {
  struct Case {
    const char* name;
    PhysRange removed;
    Ranges after;
  };
  const auto c =
      GENERATE(Case{"nothing", R(0x2800, 0x2800), kTwo}, Case{"a gap", R(0x3000, 0x5000), kTwo},
               Case{"the first byte", R(0x1000, 0x2001), {R(0x2001, 0x3000), R(0x5000, 0x6000)}},
               Case{"the last byte", R(0x2fff, 0x4000), {R(0x2000, 0x2fff), R(0x5000, 0x6000)}},
               Case{"the middle", R(0x2400, 0x2800), {R(0x2000, 0x2400), R(0x2800, 0x3000), R(0x5000, 0x6000)}},
               Case{"one exactly", R(0x2000, 0x3000), {R(0x5000, 0x6000)}},
               Case{"parts of both", R(0x2800, 0x5800), {R(0x2000, 0x2800), R(0x5800, 0x6000)}},
               Case{"everything", PhysRange::All(), {}});
  INFO(c.name);
  Set set(kTwo);
  REQUIRE(set.Remove(c.removed).ok());
  CHECK(List(set.view()) == c.after);
  CHECK_FALSE(set.FirstOverlap(c.removed));
}

TEST_CASE("A set that would not fit is left as it was", "[mem][range-set]") {
  const Ranges three = {R(0x1000, 0x2000), R(0x3000, 0x4000), R(0x5000, 0x6000)};
  Set set(three);
  CHECK(ErrorOf(set.Add(R(0x7000, 0x8000))) == Error{Errc::kTableFull, 3});
  CHECK(ErrorOf(set.Remove(R(0x3400, 0x3800))) == Error{Errc::kTableFull, 3});
  CHECK(List(set.view()) == three);
  CHECK(set.Add(R(0x6000, 0x7000)).ok());
  CHECK(set.Remove(R(0x3000, 0x3800)).ok());
}

TEST_CASE("Questions are answered for the first part only", "[mem][range-set]") {
  const Set set(kTwo);
  CHECK(set.bytes() == 0x2000);
  CHECK(set.FirstOverlap(R(0x0, 0x9000)) == R(0x2000, 0x3000));
  CHECK(set.FirstOverlap(R(0x2fff, 0x9000)) == R(0x2fff, 0x3000));
  CHECK(set.FirstOverlap(R(0x3000, 0x5001)) == R(0x5000, 0x5001));
  CHECK_FALSE(set.FirstOverlap(R(0x3000, 0x5000)));
  CHECK_FALSE(set.FirstOverlap(R(0x6000, 0x9000)));
  CHECK_FALSE(set.FirstOverlap(R(0x2800, 0x2800)));

  CHECK(set.FirstMissing(R(0x0, 0x9000)) == R(0x0, 0x2000));
  CHECK(set.FirstMissing(R(0x2800, 0x9000)) == R(0x3000, 0x5000));
  CHECK(set.FirstMissing(R(0x5000, 0x6001)) == R(0x6000, 0x6001));
  CHECK_FALSE(set.FirstMissing(R(0x2000, 0x3000)));
  CHECK_FALSE(set.FirstMissing(R(0x9000, 0x9000)));

  CHECK(set.Contains(R(0x5000, 0x6000)));
  CHECK_FALSE(set.Contains(R(0x5000, 0x6001)));
  CHECK_FALSE(set.Contains(R(0x2000, 0x6000)));
  CHECK(set.Contains(R(0x9000, 0x9000)));
}

}  // namespace
}  // namespace holdfast
