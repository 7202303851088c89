// SPDX-License-Identifier: BSD-2-Clause
// The memory map that the next kernel sees.
//
//   before   |          usable          | reserved |   usable   |
//   kept          |====|    |====|         |=|
//   after    | us |resv| us |resv| us   | reserved |   usable   |
//
// RAM is split, never overlapped, because the decompressor's KASLR ignores overlaps; no byte of the old map is
// lost (I4), because PCI space is searched for in what no entry covers.

#pragma once

#include <cstdint>
#include <span>

#include "common/abi/bundle.h"
#include "common/format/handover.h"
#include "common/mem/memory-map.h"
#include "common/mem/preserved-map.h"

namespace holdfast {

// RAM below here is never given up: the next kernel starts its other processors from it.
inline constexpr PhysAddr kLowMemoryEnd{kMiB};

// The type under which the next kernel sees RAM with this fence; what is held keeps the mark kReservedKern.
MemType FencedType(Fence fence);

// A type that FencedType() gives instead of RAM's: what is of it may be what an earlier stage has fenced.
bool IsFenceType(MemType type);

// The fence that stands when the kernel is entered there: an EFI kernel's map is firmware's, in which memory cannot be
// allocated as persistent.  Then it is reserved.
Fence FenceThrough(KernelEntry entry, Fence fence);

// How many gaps may be closed to get under a budget, and what must stay.
struct FenceLimits {
  std::size_t entry_budget;
  std::span<const PhysRange> pinned;       // sorted, disjoint: stands in RAM that must stay RAM
  const NativeHandover* native = nullptr;  // its kept ranges and its scratch stay RAM as well
  KernelEntry entry = KernelEntry::kVmlinux;
};

// Copies `map` into the empty `out` with every kept range that is not native typed by its fence, as FenceThrough()
// leaves it.  Where that takes more
// than entry_budget entries, gaps of RAM between neighbouring reserved ranges are closed, the smallest first (of equal
// ones the lowest first), and closed_bytes says how much was given up.
//
// Pre:  kept is sealed and each of its ranges was checked to be RAM.
// Post: out is sorted and disjoint, covers exactly the bytes of map; what is not kept and not closed keeps its
//       type.
// kTableFull: even with every such gap closed the budget, or out's capacity, does not hold the map.
Status FenceMap(const MemoryMap& map, const PreservedMap& kept, const FenceLimits& limits, MemoryMap& out,
                std::uint64_t& closed_bytes);

}  // namespace holdfast
