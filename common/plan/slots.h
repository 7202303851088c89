// SPDX-License-Identifier: BSD-2-Clause
// Where a kernel may go.
//
// A slot is an aligned address at which the whole kernel fits into RAM that nothing else stands on.  Slots are
// counted over as many areas as the map has, so that each is as likely as any other.

#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "common/format/kernel-header.h"
#include "common/mem/memory-map.h"
#include "common/mem/preserved-map.h"
#include "common/mem/range-set.h"

namespace holdfast {

// Where something may be put: RAM that nothing stands on.
struct FreeSpace {
  const MemoryMap& map;
  const RangeSet& avoid;
  // Kept memory that the map may still call RAM; without, the map is fenced.
  const PreservedMap* off = nullptr;
  // Ascending and disjoint: inside one of these ranges, or in what they leave.
  std::optional<std::span<const PhysRange>> within{};
  std::span<const PhysRange> outside{};
};

// The number of slots for `kernel` there.
std::uint64_t CountSlots(const FreeSpace& space, const KernelFacts& kernel);

// The slot of that index, in ascending order of address.  Pre: index < CountSlots().
PhysRange SlotAt(const FreeSpace& space, const KernelFacts& kernel, std::uint64_t index);

// The index of the slot that begins at `start`; nullopt when there is none.
std::optional<std::uint64_t> SlotIndexOf(const FreeSpace& space, const KernelFacts& kernel, PhysAddr start);

// Maps a seed that is uniform over 64 bits to an index below `count`, uniformly but for a part of count / 2^64.
// Pre: count is not 0.
std::uint64_t PickIndex(std::uint64_t seed, std::uint64_t count);

// What a place has to satisfy.
struct PlaceRequest {
  std::uint64_t size;
  std::uint64_t alignment;
  std::uint64_t limit;   // ends at or below
  PhysRange also_avoid;  // one more range to stay off
};

// The highest place there, above the first MiB.
std::optional<PhysRange> HighestPlace(const FreeSpace& space, const PlaceRequest& request);

}  // namespace holdfast
