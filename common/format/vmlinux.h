// SPDX-License-Identifier: BSD-2-Clause
// An unpacked kernel: the ELF file that a bzImage's payload holds, with the relocation tables behind it.
//
// Sources: arch/x86/boot/compressed/misc.c (parse_elf, handle_relocations), arch/x86/tools/relocs.c.  The relocation
// format has no version: 6.1 and 6.12 have three tables, later kernels two.  They are read from the end of the file
// backwards, each preceded by a zero word, and the first word of the last one read lies at the end of the ELF file:
//
//   | ELF file | 0 | 64-bit | 0 | inverse 32-bit (not in later kernels) | 0 | 32-bit |
//
// Each entry is a link-time virtual address, sign-extended from 32 bits.

#pragma once

#include <cstdint>
#include <span>

#include "common/abi/elf.h"
#include "common/base/bounded-vector.h"
#include "common/format/kernel-header.h"

namespace holdfast {

// The link-time virtual address of physical address 0 (__START_KERNEL_map).
inline constexpr std::uint64_t kKernelMapStart = 0xffffffff80000000;
// Virtual addresses that the kernel's image may take from there on, where it can be relocated (KERNEL_IMAGE_SIZE).
inline constexpr std::uint64_t kKernelImageWindow = kGiB;
inline constexpr std::size_t kMaxLoadSegments = 16;

struct LoadSegment {
  std::uint64_t target = 0;  // from the start of the loaded image
  std::uint64_t offset = 0;  // in the ELF file
  std::uint64_t size = 0;    // bytes of the file
};

struct RelocationTables {
  std::span<const std::byte> add32;       // u32 += delta
  std::span<const std::byte> subtract32;  // u32 -= delta; empty in later kernels
  std::span<const std::byte> add64;       // u64 += delta

  bool empty() const { return add32.empty() && subtract32.empty() && add64.empty(); }
};

struct Vmlinux {
  std::span<const std::byte> elf;  // the unpacked bytes
  std::uint64_t load_address = 0;  // link-time physical address of the image's first byte: pref_address
  std::uint64_t image_size = 0;    // memory from there on, bss included, rounded up to 2 MiB
  std::uint64_t entry = 0;         // from the start of the loaded image
  FixedVector<LoadSegment, kMaxLoadSegments> segments;  // ascending by target, disjoint
  RelocationTables relocations;                         // all empty: the kernel runs where it was linked
};

// Reads headers and tables and checks every relocation's place.  `load_address` is the bzImage's pref_address.
// Errors (where: byte offset in `unpacked`, if not said otherwise): kTruncated; kBadMagic; kUnsupported: no 64-bit
// little-endian executable for x86-64; kMisaligned (where: load_address): no multiple of 2 MiB; kMalformed: a header
// of another size, no sections, nothing to load, a segment whose bytes lie outside the ELF file, are more than its
// memory, overlap another's or come before load_address, an entry outside every segment's bytes, tables that are not
// two or three, a relocation whose place lies outside the image; kTooLarge (where: kKernelImageWindow): an image that
// ends above it; kTableFull: more than kMaxLoadSegments.
Status DecodeVmlinux(std::span<const std::byte> unpacked, std::uint64_t load_address, Vmlinux& out);

// What the unpacked kernel needs of its place; `bzimage` is what its bzImage needs of one.
KernelFacts VmlinuxFacts(const KernelFacts& bzimage, const Vmlinux& kernel);

// Writes the image into `slot`: segments to their targets, zeroes between and behind them, relocations applied for a
// virtual address that is `delta` above the link-time one.
// Pre: DecodeVmlinux gave `kernel`; slot.size() >= image_size and it overlaps nothing of the unpacked bytes;
// delta is 0 where there are no relocations, and delta + load_address + image_size <= kKernelImageWindow.
void LoadVmlinux(const Vmlinux& kernel, std::uint64_t delta, std::span<std::byte> slot);

}  // namespace holdfast
