// SPDX-License-Identifier: BSD-2-Clause
// Powers of two, and rounding to them.
//
// Pre, for all: `align` is a power of two and value + align does not wrap; both
// hold for any value at or below kPhysLimit.

#pragma once

#include <cstdint>

#include "common/base/result.h"

namespace holdfast {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = kKiB * 1024;
inline constexpr std::uint64_t kGiB = kMiB * 1024;
inline constexpr std::uint64_t kPageSize = 4 * kKiB;

// Not std::has_single_bit: without a popcount instruction that is a call into a library which the stage lacks.
constexpr bool IsPowerOfTwo(std::uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

constexpr std::uint64_t AlignDown(std::uint64_t value, std::uint64_t align) {
  Require(IsPowerOfTwo(align));
  return value & ~(align - 1);
}
constexpr std::uint64_t AlignUp(std::uint64_t value, std::uint64_t align) {
  return AlignDown(value + (align - 1), align);
}
constexpr bool IsAligned(std::uint64_t value, std::uint64_t align) { return AlignDown(value, align) == value; }

}  // namespace holdfast
