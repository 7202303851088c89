// SPDX-License-Identifier: BSD-2-Clause
// The EFI memory map as stored bytes.
//
// Source: UEFI 2.10, 7.2.3.  After a kexec it holds only what firmware still needs at run time
// (arch/x86/kernel/kexec-bzimage64.c); from a boot loader it is firmware's whole map, free memory included.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/abi/boot-params.h"
#include "common/abi/efi-memory.h"
#include "common/base/bounded-vector.h"
#include "common/mem/memory-map.h"
#include "common/mem/phys-range.h"
#include "common/mem/range-set.h"

namespace holdfast {

// Where boot_params says the stored map lies; empty without EFI.
// kMalformed (where: byte offset in EfiInfo): a map with a descriptor version or size that this is not.
Result<PhysRange> EfiMemoryMapRange(const EfiInfo& info);

// Adds the range of every descriptor but those of EfiConventionalMemory to `out`: where nothing may be placed.
// descriptor_size is the stored stride (40 or more). kMalformed (where: 0): stride too small; kTruncated: bytes are no
// whole number of strides; kOutOfBounds.
Status CollectEfiRanges(std::span<const std::byte> map, std::uint32_t descriptor_size, RangeSet& out);

// What a kernel that is started with this map makes of it.
struct EfiMapFacts {
  bool has_virtual = false;       // a descriptor has a virtual address: an earlier kernel has been given them
  bool has_conventional = false;  // EfiConventionalMemory: the map is firmware's whole one, and KASLR goes by it
};
// The errors of CollectEfiRanges().  Descriptors without pages count for nothing.
Result<EfiMapFacts> DescribeEfiMap(std::span<const std::byte> map, std::uint32_t descriptor_size);

// The same bytes as a memory map, by the types' e820 equivalents (UEFI 2.10, table 7.10; ACPI 6.5, 15.4):
// what `mkhandover --map` reads.  Boot services memory and loader memory are RAM.
Status DecodeEfiMemoryMap(std::span<const std::byte> map, std::uint32_t descriptor_size, MemoryMap& out);

// Memory that firmware's map, boot services alive, says to be somebody's.
struct FirmwareRange {
  PhysRange range;
  EfiMemoryType type = EfiMemoryType::kReserved;
};
// "boot services data", "runtime services code", "reserved memory", ...; those without a name of their own, an OEM's or
// a loader's, are "foreign memory".
std::string_view EfiMemoryTypeName(EfiMemoryType type);

// Fills `out` with everything that is not EfiConventionalMemory, ascending, neighbours of one type joined.  The errors
// of CollectEfiRanges(); kKeptOverlap (where: the address): two descriptors overlap, free ones too; kTableFull (where:
// the capacity): there are more descriptors with pages than that, free ones too.
Status CollectFirmwareRanges(std::span<const std::byte> map, std::uint32_t descriptor_size,
                             BoundedVector<FirmwareRange>& out);

}  // namespace holdfast
