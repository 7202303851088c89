// SPDX-License-Identifier: BSD-2-Clause
// Something that has its place.

#pragma once

#include <string_view>

#include "common/mem/phys-range.h"

namespace holdfast {

struct PlacedSegment {
  std::string_view name;
  PhysRange range;
  bool is_temporary = false;  // nobody needs it once the next kernel runs
};

}  // namespace holdfast
