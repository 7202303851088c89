// SPDX-License-Identifier: BSD-2-Clause

#include "common/mem/cycle-guard.h"

#include "tests/support/ranges.h"

namespace holdfast {
namespace {

TEST_CASE("A cycle of any length, after any start, is found soon", "[mem][cycle-guard]") {
  for (std::uint64_t lead = 0; lead < 20; ++lead) {
    for (std::uint64_t length = 1; length < 20; ++length) {
      CycleGuard guard;
      std::uint64_t steps = 0;
      std::optional<Error> found;
      for (; !found && steps < 200; ++steps) {
        const std::uint64_t at = steps < lead ? steps : lead + (steps - lead) % length;
        found = ErrorOf(guard.Visit(PhysAddr(at)));
      }
      INFO(lead << " before " << length);
      REQUIRE(found);
      CHECK(found->code == Errc::kCycle);
      CHECK(found->where >= lead);
      CHECK(found->where < lead + length);
      CHECK(steps <= 3 * (lead + length) + 1);
    }
  }
}

TEST_CASE("A list without a cycle is none, whatever its addresses", "[mem][cycle-guard]") {
  CycleGuard guard;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    CHECK(guard.Visit(PhysAddr(999 - i)).ok());
  }
}

}  // namespace
}  // namespace holdfast
