// SPDX-License-Identifier: BSD-2-Clause
// Powers of two, and rounding to them.

#include "common/base/align.h"

#include <catch2/catch.hpp>

namespace holdfast {
namespace {

TEST_CASE("Rounding goes to the next multiple, and leaves a multiple alone", "[base][align]") {
  struct Case {
    std::uint64_t value;
    std::uint64_t down;
    std::uint64_t up;
  };
  const auto c = GENERATE(Case{0, 0, 0}, Case{1, 0, 0x1000}, Case{0xfff, 0, 0x1000}, Case{0x1000, 0x1000, 0x1000},
                          Case{0x1001, 0x1000, 0x2000},
                          Case{(std::uint64_t{1} << 52) - 1, (std::uint64_t{1} << 52) - 0x1000, std::uint64_t{1} << 52},
                          Case{std::uint64_t{1} << 52, std::uint64_t{1} << 52, std::uint64_t{1} << 52});
  CHECK(AlignDown(c.value, kPageSize) == c.down);
  CHECK(AlignUp(c.value, kPageSize) == c.up);
  CHECK(IsAligned(c.value, kPageSize) == (c.down == c.value));
  CHECK(AlignDown(c.value, 1) == c.value);
  CHECK(AlignUp(c.value, 1) == c.value);
}

}  // namespace
}  // namespace holdfast
