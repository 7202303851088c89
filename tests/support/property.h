// SPDX-License-Identifier: BSD-2-Clause
// Properties that are tried on many random cases.

#pragma once

#include <catch2/catch.hpp>

#include <cstdint>

#include "tests/support/random.h"

namespace holdfast::test {

// Runs `property(random)` on each case, `cases` of them if the environment does not say, and tells which one failed.
template <typename Property>
void ForEachCase(std::uint64_t cases, Property property) {
  const std::uint64_t first = FirstSeed();
  const std::uint64_t count = NumCases(cases);
  for (std::uint64_t seed = first; seed - first < count; ++seed) {
    INFO("HOLDFAST_PROPERTY_CASES=1 HOLDFAST_PROPERTY_SEED=" << seed << " runs this case alone");
    Random random(seed);
    property(random);
  }
}

}  // namespace holdfast::test
