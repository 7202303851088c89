// SPDX-License-Identifier: BSD-2-Clause
// pmpool: names and numbers of its two series of patches.
//
// Layout only.  Source: the list series "Introduce persistent memory pool" of 25 September 2023 (device tree) and
// 4 October 2023 (e820 type 128).  The tree's numbers are ordinary big-endian cells; the bitmap is made of
// little-endian 64-bit words, a bit for each page of the pool.

#pragma once

#include <cstdint>

namespace holdfast {

inline constexpr const char* kPmpoolParent = "chosen";
inline constexpr const char* kPmpoolNode = "default_pmpool";
inline constexpr const char* kPmpoolCompatible = "pmpool";
inline constexpr const char* kPmpoolBitmap = "bitmap";  // u64: physical address
inline constexpr const char* kPmpoolSize = "size";      // u64: bytes of the pool
inline constexpr const char* kPmpoolBase = "base";      // u64: physical address

inline constexpr std::uint64_t kPmpoolWordSize = 8;

}  // namespace holdfast
