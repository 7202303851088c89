// SPDX-License-Identifier: BSD-2-Clause
// The e820 table: stored entries <-> MemoryMap.
//
// Source: Documentation/arch/x86/boot.rst, zero-page.rst.  Up to 128 entries lie in boot_params, the rest in
// a setup_data node SETUP_E820_EXT.

#pragma once

#include <cstddef>
#include <span>

#include "common/abi/boot-params.h"
#include "common/mem/memory-map.h"

namespace holdfast {

// Lays the entries of a stored table over `out`.  Zero-sized entries are dropped, as the kernel does; an entry
// that ends past kPhysLimit is kOutOfBounds; bytes that are no whole number of entries are kTruncated.
Status DecodeE820(std::span<const std::byte> entries, MemoryMap& out);
// The entries in boot_params itself.  kMalformed when e820_entries says more than 128.
Status DecodeE820Zeropage(const BootParams& params, MemoryMap& out);

// Writes up to 128 entries of `map` into `params` (and zeroes the rest of its table) and the others into `extension`,
// both in ascending order.  Returns how many entries the extension got.  kTableFull: they do not fit.
// Kernels take both together before they give out memory, but what runs earlier knows the first 128 only: KASLR, and
// the search for a page below 1 MiB to change the paging mode in.  So usable memory that begins below 1 MiB comes
// first, then the largest usable entries, then what has the lowest addresses.
Result<std::size_t> EncodeE820(const MemoryMap& map, BootParams& params, std::span<E820Entry> extension);

}  // namespace holdfast
