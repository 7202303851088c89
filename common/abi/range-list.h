// SPDX-License-Identifier: BSD-2-Clause
// Our own list of many ranges, with their orders.
//
// Layout only.  Ours: docs/holdfast-handover.5, "RANGE LIST".  A header, at once behind it the runs in ascending order,
// each an unbroken row of blocks of one order:
//
//   head byte | order byte, if the head says so | gap, if it says so | count, if it says so
//
//   bit    7      6 5 4    3 2 1 0
//        | gap | count-1 | order   |
//
// The start of a run is the end of the one before it (0 for the first), rounded up to a block, plus gap blocks.  Where
// there is no order a block is a page.  What a bit field cannot hold follows as a number in LEB128: seven bits a byte,
// the lowest first, bit 7 set in all but the last.  Whatever has two encodings has one that is wrong: a list of the
// same memory is always the same bytes.

#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/stored-int.h"

namespace holdfast {

inline constexpr std::uint64_t kRangeListMagic = 0x5345474e41524648;  // "HFRANGES" as it lies in memory
inline constexpr std::uint32_t kRangeListVersion = 1;

struct StoredRangeListHeader {
  Le64 magic;
  Le32 version;
  Le32 num_runs;  // at least 1
  Le64 size;      // of the list, this header included
};
static_assert(sizeof(StoredRangeListHeader) == 24 && alignof(StoredRangeListHeader) == 1);
static_assert(offsetof(StoredRangeListHeader, size) == 16);

// The head byte.
inline constexpr std::uint8_t kRunOrderMask = 0x0f;
inline constexpr std::uint8_t kRunOrderFollows = 14;  // a byte: order - 14; below it the order itself
inline constexpr std::uint8_t kRunNoOrder = 15;
inline constexpr unsigned kRunCountShift = 4;
inline constexpr std::uint8_t kRunCountMask = 0x07;
inline constexpr std::uint8_t kRunCountFollows = 7;   // count - 8 in LEB128; below it count - 1
inline constexpr std::uint8_t kRunGapFollows = 0x80;  // gap - 1 in LEB128; without it the gap is 0

inline constexpr std::int8_t kMaxRunOrder = 39;      // 2^51 bytes; a larger block is past kPhysLimit
inline constexpr std::size_t kMaxRunNumberSize = 6;  // bytes in LEB128: there are 2^40 pages

}  // namespace holdfast
