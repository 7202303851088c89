// SPDX-License-Identifier: BSD-2-Clause
// PKRAM: preserved-over-kexec memory, as three series of patches write it.
//
// Layout only.  Source: the list series "PKRAM: Preserved-over-Kexec RAM" of May 2020 (page-table form), March 2021 and
// April 2023 (region-list form): mm/pkram.c, mm/pkram_pagetable.c.  Little-endian; a pfn is an address divided by 4096,
// 0 is none.  Every structure has a page of its own.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/stored-int.h"

namespace holdfast {

inline constexpr std::uint32_t kPkramMagic = 0x706b726d;

// Super block of 2020.  No magic; the rest of the page is 0.
struct PkramTableSuperBlock {
  Le64 node_pfn;  // first node, 0: nothing was saved
  Le64 pgd_pfn;   // root of the table of preserved pages
};
static_assert(sizeof(PkramTableSuperBlock) == 16 && offsetof(PkramTableSuperBlock, pgd_pfn) == 8);

// Super block of 2021 and 2023.
struct PkramListSuperBlock {
  Le32 magic;
  Le32 pad;
  Le64 node_pfn;
  Le64 region_list_pfn;
  Le64 nr_regions;
};
static_assert(sizeof(PkramListSuperBlock) == 32 && offsetof(PkramListSuperBlock, region_list_pfn) == 16);

// The table of 2020 is shaped as x86 page tables are, over physical addresses.  Entries are bare addresses; that of the
// last level, for 2 MiB, may have this bit: all of it is preserved.  Without an address it was one huge page.
inline constexpr std::uint64_t kPkramTableEntries = 512;
inline constexpr int kPkramTableBits = 9;   // of the index at each level
inline constexpr int kPkramLastShift = 21;  // of the last level's index
inline constexpr std::uint64_t kPkramFull = 0x80;
inline constexpr std::uint64_t kPkramBitmapSize = 64;  // bytes at the start of a page: a bit for each page of 2 MiB

struct PkramRegion {
  Le64 base;  // bytes
  Le64 size;  // bytes, 0: the list ends
};
static_assert(sizeof(PkramRegion) == 16);

struct PkramRegionPage {
  Le64 prev_pfn;  // in the first page: the last page with regions
  Le64 next_pfn;
  std::array<PkramRegion, 255> regions;
};
static_assert(sizeof(PkramRegionPage) == 4096 && offsetof(PkramRegionPage, regions) == 16);

struct PkramNodePage {
  Le32 flags;
  Le32 pad;
  Le64 obj_pfn;   // newest object
  Le64 node_pfn;  // next node
  std::array<char, 256> name;
};
static_assert(sizeof(PkramNodePage) == 280 && offsetof(PkramNodePage, name) == 24);
inline constexpr std::uint32_t kPkramSaving = 1;
inline constexpr std::uint32_t kPkramLoading = 2;

// Object of 2020 as it was posted: one page of data, its links newest first.
struct PkramObjectRfc {
  Le64 data_pfn;
  Le64 data_len;
  Le64 link_pfn;
  Le64 obj_pfn;  // next object
};
static_assert(sizeof(PkramObjectRfc) == 32 && offsetof(PkramObjectRfc, obj_pfn) == 24);

// The same in intel/vmm-fast-restart-linux: links oldest first.
struct PkramObjectIntel {
  Le64 data_pfn;
  Le64 data_len;
  Le64 link_first_pfn;
  Le64 link_last_pfn;
  Le64 obj_pfn;
};
static_assert(sizeof(PkramObjectIntel) == 40 && offsetof(PkramObjectIntel, obj_pfn) == 32);

// Object of 2021 and 2023.
struct PkramObjectStreams {
  Le64 pages_head_pfn;
  Le64 pages_tail_pfn;
  Le64 bytes_head_pfn;
  Le64 bytes_tail_pfn;
  Le64 data_len;
  Le64 obj_pfn;
};
static_assert(sizeof(PkramObjectStreams) == 48 && offsetof(PkramObjectStreams, obj_pfn) == 40);

struct PkramLinkPage {
  Le64 link_pfn;                  // next
  Le64 index;                     // of the first entry, in pages; the next follows by 1 << order
  std::array<Le64, 510> entries;  // order, flags, address; 0: the page ends
};
static_assert(sizeof(PkramLinkPage) == 4096 && offsetof(PkramLinkPage, entries) == 16);
inline constexpr std::uint64_t kPkramOrderMask = 0x1f;  // bits 0 to 4
inline constexpr int kPkramFlagsShift = 5;              // bits 5 to 11
inline constexpr std::uint64_t kPkramFlagsMask = 0x7f;

}  // namespace holdfast
