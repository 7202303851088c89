// SPDX-License-Identifier: BSD-2-Clause
// Finds out that a list in memory has no end, without a place for each of its elements.

#pragma once

#include <cstdint>

#include "common/mem/phys-range.h"

namespace holdfast {

// Remembers one element and looks for it, for twice as many steps each time (Brent, "An improved Monte Carlo
// factorization algorithm", 1980): a cycle is found before three times as many elements as there are were visited.
class CycleGuard {
 public:
  // Pre: called for every element in turn.  kCycle (where: the address): it was met before.
  Status Visit(PhysAddr at) {
    if (steps_ != 0 && at == remembered_) {
      return Error{Errc::kCycle, at.raw()};
    }
    if (steps_ == limit_) {
      remembered_ = at;
      limit_ = 2 * limit_ + 1;
      steps_ = 0;
    }
    ++steps_;
    return kDone;
  }

 private:
  PhysAddr remembered_;
  std::uint64_t steps_ = 0;
  std::uint64_t limit_ = 0;
};

}  // namespace holdfast
