// SPDX-License-Identifier: BSD-2-Clause
// Captured physical memory as an ELF core: which part of the file holds which addresses.
//
// QEMU's dump-guest-memory, /proc/vmcore and /proc/kcore give such files (Linux fs/proc/vmcore.c, fs/proc/kcore.c): a
// PT_LOAD for each stretch of memory, by physical address.

#pragma once

#include <cstdint>
#include <span>

#include "common/base/bounded-vector.h"
#include "common/mem/phys-range.h"

namespace holdfast {

struct CoreSegment {
  PhysRange range;
  std::uint64_t offset = 0;  // of its first byte in the file

  constexpr bool operator==(const CoreSegment&) const = default;
};

// More program headers are kUnsupported.
inline constexpr std::size_t kMaxCoreSegments = 65534;

// Bytes from the start of the file to the end of its program headers, by the file's first bytes.
// Errors (where: byte offset): kTruncated, kBadMagic; kUnsupported: no little-endian core of 64-bit x86, or too many
// headers; kMalformed: headers of another size.
Result<std::uint64_t> ElfCoreHeadSize(std::span<const std::byte> bytes);

// Adds the segments that have bytes in the file, in its order.  They may overlap: /proc/kcore shows the kernel twice.
// Passes over segments without a physical address (all bits are ones), as /proc/kcore has for what is no RAM.
// `file_size`: how many bytes there are.
// The errors of ElfCoreHeadSize(); kMalformed (where: the field): a segment of fewer bytes in memory than in the
// file; kTruncated (where: file_size): one that goes on behind the file; kOutOfBounds (where: the address): one past
// kPhysLimit; kTableFull.
Status DecodeElfCore(std::span<const std::byte> head, std::uint64_t file_size, BoundedVector<CoreSegment>& out);

}  // namespace holdfast
