// SPDX-License-Identifier: BSD-2-Clause
// Our own list of many ranges, with their orders, in few bytes.
//
// Binding: docs/holdfast-handover.5 ("range-list").  A node of holdfast,handover-v1 names it by address, size and
// SHA-256, and it lies in memory that is kept with the rest.

#pragma once

#include <cstdint>
#include <span>

#include "common/mem/kept-block.h"

namespace holdfast {

inline constexpr std::uint64_t kMaxRangeListSize = 64 * 1024 * 1024;

// Blocks of one order that stand one behind the other: `count` of them from range.start().
struct BlockRun {
  PhysRange range;
  std::int8_t order = KeptBlock::kNoOrder;

  constexpr bool operator==(const BlockRun&) const = default;
};

// Gives each run as one kMemory block of the run's whole range with its order, in ascending order of address.
// Errors (where: byte offset in the list): kTruncated, kBadMagic, kBadVersion (where: the version), kMalformed,
// kOutOfBounds; the sink's.
Status DecodeRangeList(std::span<const std::byte> bytes, const BlockSink& sink);

// Pre: runs ascend and do not overlap.  kMalformed (where: index of the run): they do not, or a run is empty or not
// made of whole blocks; kTableFull: storage too small.
Result<std::span<const std::byte>> EncodeRangeList(std::span<const BlockRun> runs, std::span<std::byte> storage);

}  // namespace holdfast
