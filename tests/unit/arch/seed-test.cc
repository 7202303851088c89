// SPDX-License-Identifier: BSD-2-Clause
// Tests of the machine's random numbers, as far as one can.

#include "common/arch/x86/seed.h"

#include <catch2/catch.hpp>

namespace holdfast::x86 {
namespace {

TEST_CASE("No two seeds are alike, not even for one purpose", "[arch][seed]") {
  const std::uint64_t first = SeedMaker(kSlotSeed).FinishNumber();
  CHECK(first != SeedMaker(kSlotSeed).FinishNumber());
  CHECK(first != SeedMaker(kVirtualSeed).FinishNumber());
}

}  // namespace
}  // namespace holdfast::x86
