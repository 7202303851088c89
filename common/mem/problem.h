// SPDX-License-Identifier: BSD-2-Clause
// A rule that does not hold, with everything a person needs to see why.
//
// An Error says which rule; a Problem adds what broke it: the thing's name and its
// range, and the range or name it met.  The words are made in common/console.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/result.h"
#include "common/mem/memory-map.h"
#include "common/mem/phys-range.h"
#include "common/mem/preserved-map.h"

namespace holdfast {

struct Problem {
  Errc code = Errc::kMalformed;
  std::uint64_t where = 0;        // as Errc says
  std::string_view what{};        // the thing that breaks the rule: "initrd", "handover", "guest0"
  PhysRange range{};              // its range, empty where it has none
  std::string_view other{};       // what it met: "boot_params", "guest0"
  PhysRange other_range{};        // and its range
  std::optional<MemType> type{};  // for *NotRam: what the map says of the place; nothing is a hole
  // A kept range is part of the problem: as `what` for kKeptNotRam and kKeptOverlap, as `other` for kOverlap and
  // kConflict.  The shell, which has the handover at hand, puts its name there with NameKept().
  std::optional<KeptRange> kept{};
  bool is_address = false;  // of kMalformed: `where` is an address, or an offset in a tree at one
};

// Puts the name of problem.kept, which is there, where the problem speaks of it.
constexpr void NameKept(Problem& problem, std::string_view name) {
  const bool is_other = problem.code == Errc::kOverlap || problem.code == Errc::kConflict;
  (is_other ? problem.other : problem.what) = name;
}

}  // namespace holdfast
