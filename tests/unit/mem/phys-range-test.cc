// SPDX-License-Identifier: BSD-2-Clause
// Half-open ranges of physical memory.

#include "common/mem/phys-range.h"

#include <catch2/catch.hpp>

#include "tests/support/ranges.h"

namespace holdfast {
namespace {

constexpr std::uint64_t kMax = ~std::uint64_t{0};

TEST_CASE("A range ends at or below the limit, or is refused", "[mem][phys-range]") {
  struct Case {
    const char* name;
    std::uint64_t start, size;
    bool ok;
  };
  const auto c = GENERATE(
      Case{"nothing at zero", 0, 0, true}, Case{"all", 0, kPhysLimit, true},
      Case{"one byte too many", 0, kPhysLimit + 1, false}, Case{"the last byte", kPhysLimit - 1, 1, true},
      Case{"over the last byte", kPhysLimit - 1, 2, false}, Case{"nothing at the limit", kPhysLimit, 0, true},
      Case{"one byte at the limit", kPhysLimit, 1, false}, Case{"nothing past the limit", kPhysLimit + 1, 0, false},
      Case{"a sum that wraps", 0x1000, kMax - 0xfff, false}, Case{"all ones", kMax, kMax, false});
  INFO(c.name);
  const auto range = PhysRange::FromStartSize(PhysAddr(c.start), c.size);
  REQUIRE(range.ok() == c.ok);
  if (c.ok) {
    CHECK(range.value().start().raw() == c.start);
    CHECK(range.value().size() == c.size);
    CHECK(range.value().empty() == (c.size == 0));
  } else {
    CHECK(range.error() == Error{Errc::kOutOfBounds, c.start});
  }
}

TEST_CASE("An end before its start is out of bounds", "[mem][phys-range]") {
  CHECK(PhysRange::FromStartEnd(PhysAddr(2), PhysAddr(2)).value().empty());
  CHECK(ErrorOf(PhysRange::FromStartEnd(PhysAddr(2), PhysAddr(1))) == Error{Errc::kOutOfBounds, 2});
  CHECK(ErrorOf(PhysRange::FromStartEnd(PhysAddr(2), PhysAddr(kPhysLimit + 1))) == Error{Errc::kOutOfBounds, 2});
}

TEST_CASE("Overlaps is true only for shared bytes", "[mem][phys-range]") {
  struct Case {
    const char* name;
    PhysRange a, b;
    PhysRange shared;
  };
  const auto c = GENERATE(Case{"same range", R(0x1000, 0x2000), R(0x1000, 0x2000), R(0x1000, 0x2000)},
                          Case{"last byte", R(0x1000, 0x2000), R(0x1fff, 0x3000), R(0x1fff, 0x2000)},
                          Case{"touching", R(0x1000, 0x2000), R(0x2000, 0x3000), PhysRange()},
                          Case{"apart", R(0x1000, 0x2000), R(0x4000, 0x5000), PhysRange()},
                          Case{"one inside the other", R(0x1000, 0x9000), R(0x4000, 0x5000), R(0x4000, 0x5000)},
                          Case{"empty inside", R(0x1000, 0x9000), R(0x4000, 0x4000), PhysRange()},
                          Case{"both empty", R(0x4000, 0x4000), R(0x4000, 0x4000), PhysRange()});
  INFO(c.name);
  CHECK(c.a.Overlaps(c.b) == !c.shared.empty());
  CHECK(c.b.Overlaps(c.a) == !c.shared.empty());
  CHECK(c.a.Intersection(c.b) == c.shared);
  CHECK(c.b.Intersection(c.a) == c.shared);
}

TEST_CASE("Contains holds the first byte and not the end", "[mem][phys-range]") {
  const PhysRange range = R(0x1000, 0x2000);
  CHECK_FALSE(range.Contains(PhysAddr(0xfff)));
  CHECK(range.Contains(PhysAddr(0x1000)));
  CHECK(range.Contains(PhysAddr(0x1fff)));
  CHECK_FALSE(range.Contains(PhysAddr(0x2000)));
  CHECK(range.Contains(range));
  CHECK(range.Contains(R(0x9000, 0x9000)));
  CHECK_FALSE(range.Contains(R(0x1000, 0x2001)));
  CHECK_FALSE(range.Contains(R(0xfff, 0x1001)));
}

TEST_CASE("Kept memory rounds outward, used memory inward, and nothing stays nothing", "[mem][phys-range]") {
  struct Case {
    PhysRange range, out, in;
  };
  const auto c = GENERATE(Case{R(0x1000, 0x2000), R(0x1000, 0x2000), R(0x1000, 0x2000)},
                          Case{R(0x1001, 0x1002), R(0x1000, 0x2000), PhysRange()},
                          Case{R(0x1fff, 0x3001), R(0x1000, 0x4000), R(0x2000, 0x3000)},
                          Case{R(0x1001, 0x2fff), R(0x1000, 0x3000), PhysRange()},
                          Case{R(0x1800, 0x1800), PhysRange(), PhysRange()},
                          Case{R(kPhysLimit - 1, kPhysLimit), R(kPhysLimit - 0x1000, kPhysLimit), PhysRange()},
                          Case{PhysRange::All(), PhysRange::All(), PhysRange::All()});
  CHECK(c.range.RoundedOut(kPageSize) == c.out);
  CHECK(c.range.RoundedIn(kPageSize) == c.in);
}

TEST_CASE("From and UpTo part a range at an address, inside it or not", "[mem][phys-range]") {
  const PhysRange range = R(0x1000, 0x3000);
  CHECK(range.From(PhysAddr(0)) == range);
  CHECK(range.From(PhysAddr(0x2000)) == R(0x2000, 0x3000));
  CHECK(range.From(PhysAddr(0x9000)).empty());
  CHECK(range.UpTo(PhysAddr(0)).empty());
  CHECK(range.UpTo(PhysAddr(0x2000)) == R(0x1000, 0x2000));
  CHECK(range.UpTo(PhysAddr(0x9000)) == range);
}

}  // namespace
}  // namespace holdfast
