// SPDX-License-Identifier: BSD-2-Clause
// Memory that was kept with the fence `pram` and is kept no more: back to the running kernel.
//
// Without tools and through /sys alone: the namespace of a /dev/pmem becomes one of dax_pmem, which writes an info
// block into its first huge page (struct nd_pfn_sb, drivers/nvdimm/pfn.h), and kmem makes memory of the whole memory
// blocks in what is left (drivers/dax/kmem.c).

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/mkhandover/store/pmem.h"

namespace holdfast::tool {

// What of a device can become memory, where the kernel's blocks of memory have that size, a power of two.
PhysRange WholeBlocks(PhysRange device, std::uint64_t block_size);

// Those that are a whole namespace, lie wholly in `free`, which is sorted and joined, and have a whole block.
std::vector<PmemDevice> Returnable(const std::vector<PmemDevice>& devices, const std::vector<PhysRange>& free,
                                   std::uint64_t block_size);

// Whether a process has memory of the device mapped, through it or through /dev/mem; `maps` is its file of that name
// (proc(5)).
bool IsMapped(const PmemDevice& device, const std::string& maps);

struct GivenBack {
  std::uint64_t bytes = 0;
  std::vector<std::string> problems;  // a line for each device that could have been given back and was not
};

class Store;

// Forgets the node, and gives back what then is free, also of nodes that were forgotten before it.  Ends in a Failure
// as Store::Commit() does, with nothing changed.
GivenBack DropNode(Store& store, std::string_view name);

// Gives back what is Returnable() of `free`.  Of a device that somebody uses, or has mapped, nothing.
GivenBack GiveBack(const std::vector<PhysRange>& free);

}  // namespace holdfast::tool
