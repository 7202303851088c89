// SPDX-License-Identifier: BSD-2-Clause
// prmem: the metadata page, its regions and instances.
//
// Layout only.  Source: the list series "Introduce persistent memory feature" (prmem, RFC v1 of 17 October 2023):
// include/linux/prmem.h, kernel/prmem/.  Little-endian.  Lists are linked by virtual addresses of the sender's direct
// map.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/stored-int.h"

namespace holdfast {

// Where the direct map begins without memory KASLR, which the series refuses (Documentation/arch/x86/x86_64/mm.rst).
inline constexpr std::uint64_t kDirectMap4Level = 0xffff888000000000;
inline constexpr std::uint64_t kDirectMap5Level = 0xff11000000000000;

struct PrmemListHead {
  Le64 next;  // virtual
  Le64 prev;
};
static_assert(sizeof(PrmemListHead) == 16);

// In every variant the metadata begins so.
struct PrmemMetadataStart {
  Le64 checksum;  // sum of the metadata's 64-bit words, this one being 0
  Le64 metadata;  // physical address of the page
  Le64 size;      // bytes, as prmem= says
};
static_assert(sizeof(PrmemMetadataStart) == 24);

// What follows in the variant with dynamic expansion.
struct PrmemExpansion {
  Le64 cur_size;
  Le64 max_size;
};
static_assert(sizeof(PrmemExpansion) == 16);

// The variants: how long the metadata is, which the checksum covers, and where its lists begin.
struct PrmemVariant {
  std::uint32_t size;
  std::uint32_t regions;
  std::uint32_t instances;  // 0: it has none
  bool has_expansion;
};
inline constexpr std::array<PrmemVariant, 3> kPrmemVariants = {
    PrmemVariant{184, 40, 56, true}, PrmemVariant{168, 24, 40, false}, PrmemVariant{40, 24, 0, false}};
static_assert(kPrmemVariants[0].instances + sizeof(PrmemListHead) + 14 * 8 == kPrmemVariants[0].size,
              "14 heads of free objects end the metadata");
static_assert(kPrmemVariants[1].instances + sizeof(PrmemListHead) + 14 * 8 == kPrmemVariants[1].size);
static_assert(kPrmemVariants[2].regions + sizeof(PrmemListHead) == kPrmemVariants[2].size);

// At the start of each region; a gen-pool chunk follows, whose layout depends on the sender's kernel.
struct PrmemRegion {
  PrmemListHead node;
  Le64 pa;     // of the region itself
  Le64 size;   // bytes
  Le64 pool;   // virtual, stale
  Le64 chunk;  // virtual: behind this record
};
static_assert(sizeof(PrmemRegion) == 48 && offsetof(PrmemRegion, pa) == 16);

struct PrmemInstanceRecord {
  PrmemListHead node;
  std::array<char, 32> subsystem;
  std::array<char, 32> name;
  Le64 data;  // virtual
  Le64 size;  // bytes
};
static_assert(sizeof(PrmemInstanceRecord) == 96 && offsetof(PrmemInstanceRecord, data) == 80);

}  // namespace holdfast
