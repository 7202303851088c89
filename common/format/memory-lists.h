// SPDX-License-Identifier: BSD-2-Clause
// Lists of memory on a command line that people write by hand, or that a memory test prints: badram= and memmap=.

#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/bounded-vector.h"
#include "common/mem/phys-range.h"
#include "common/mem/preserved-map.h"

namespace holdfast {

struct ListedRange {
  PhysRange range;
  Fence fence = Fence::kReserved;

  constexpr bool operator==(const ListedRange&) const = default;
};

// A pair of badram= that stands for more ranges is kTooLarge.
inline constexpr std::uint64_t kMaxBadRamRanges = 65536;

// ADDRESS,MASK[,ADDRESS,MASK]..., as GRUB takes them and memtest86+ prints them: an address is bad if it equals
// ADDRESS in every bit that is set in MASK.  Bits within a page do not count.  A mask of 32 bits or fewer says nothing
// of the bits above, which count then: it was written for addresses below 4 GiB.
// Pages are added in ascending order for each pair.
// Errors (where: offset in `list`): kMalformed: a pair that does not read, an odd number of words, a mask without a
// bit above the page; kOutOfBounds: an address past kPhysLimit; kTooLarge; kTableFull.
Status DecodeBadRam(std::string_view list, BoundedVector<ListedRange>& out);

// SIZE$START (reserved) and SIZE!START (pram), with commas between several, as the kernel takes them (memmap=,
// arch/x86/kernel/e820.c).  The other forms say nothing of memory to keep and are passed over: SIZE@START,
// SIZE#START, SIZE%START..., SIZE and exactmap.
// kMalformed (where: offset in `list`): one that does not read, or is empty; kOutOfBounds; kTableFull.
Status DecodeMemmapList(std::string_view list, BoundedVector<ListedRange>& out);

}  // namespace holdfast
