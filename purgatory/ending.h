// SPDX-License-Identifier: BSD-2-Clause
// How a boot ends when it must not go on.
//
// One line with the rule that was broken, on every console, then what the owner's policy asks for.

#pragma once

#include <string_view>

#include "common/console/console.h"
#include "common/format/handover.h"
#include "common/mem/problem.h"

namespace holdfast::purgatory {

class Ending {
 public:
  explicit Ending(Console& console) : console_(console) {}

  void SetPolicy(const Policy& policy) { policy_ = policy; }

  [[noreturn]] void Refuse(const Problem& problem);
  // Goes on, or refuses with what went wrong with `what`, which lies in `range`.
  void Check(const Status& status, std::string_view what, PhysRange range = PhysRange());

 private:
  Console& console_;
  Policy policy_;
};

}  // namespace holdfast::purgatory
