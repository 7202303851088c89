// SPDX-License-Identifier: BSD-2-Clause
// Our own list of many ranges, with their orders, in few bytes.
//
// Layout: common/abi/range-list.h.  Binding: docs/holdfast-handover.5 ("RANGE LIST").  A node of holdfast,handover-v1
// names it by address, size and SHA-256, and its pages are kept with the rest.

#pragma once

#include <cstdint>
#include <span>

#include "common/abi/range-list.h"
#include "common/mem/kept-block.h"

namespace holdfast {

// A larger list is refused before it is read.
inline constexpr std::uint64_t kMaxRangeListSize = 64 * 1024 * 1024;

// Blocks of one order that stand one behind the other.
struct BlockRun {
  PhysRange range;
  std::int8_t order = KeptBlock::kNoOrder;

  constexpr bool operator==(const BlockRun&) const = default;
};

// Gives each run as one kMemory block of the run's whole range with its order, in ascending order of address; a run
// without an order is made of pages.  There is one encoding of a list, and any other is refused.
//
// Errors (where: byte offset in the list): kTruncated; kTooLarge (where: kMaxRangeListSize); kBadMagic; kBadVersion
// (where: the version); kMalformed: no runs, a size that is not that of `bytes`, an order above kMaxRunOrder, a number
// that has a shorter form, a run that only goes on with the one before it, bytes behind the last run; kOutOfBounds: a
// run past kPhysLimit; the sink's.
Status DecodeRangeList(std::span<const std::byte> bytes, const BlockSink& sink);

// Pre: runs ascend and do not overlap, and no two that touch are of one order.  kMalformed (where: index of the run):
// they do not, there is none, or a run is empty or not made of whole aligned blocks of an order that exists;
// kTableFull: storage, or kMaxRangeListSize, too small.
Result<std::span<const std::byte>> EncodeRangeList(std::span<const BlockRun> runs, std::span<std::byte> storage);

}  // namespace holdfast
