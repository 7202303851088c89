// SPDX-License-Identifier: BSD-2-Clause
// KHO, Kexec HandOver: the carrier's record, the tree, the maps of preserved memory and what its clients hand over.
//
// Layout only.  Sources, of Linux 7.3 if not said otherwise: arch/x86/include/uapi/asm/setup_data.h,
// include/linux/kho/abi/*.h, kernel/liveupdate/*.c, lib/test_kho.c; of 6.16 to 6.18: kernel/kexec_handover.c; and the
// series of patches of 2023 to 2025.  Nothing in this file may be changed to suit us.
//
// All addresses are physical and all integers little-endian, also those in the properties of the trees.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/stored-int.h"

namespace holdfast {

// --- The setup_data node of type kSetupKexecKho (struct kho_data) ---

struct KhoData {
  Le64 fdt_addr;
  Le64 fdt_size;  // as written always a page
  Le64 scratch_addr;
  Le64 scratch_size;  // bytes of an array of KhoArea
};
static_assert(sizeof(KhoData) == 32 && offsetof(KhoData, scratch_addr) == 16);

// Series v1 to v3, December 2023 to January 2024.
struct KhoData2023 {
  Le64 dt_addr;
  Le64 dt_size;
  Le64 scratch_addr;  // one region, not an array
  Le64 scratch_size;
  Le64 mem_cache_addr;  // an array of KhoArea: every `mem` of the tree, sorted and merged
  Le64 mem_cache_size;
};
static_assert(sizeof(KhoData2023) == 48 && offsetof(KhoData2023, mem_cache_addr) == 32);

// struct kho_scratch (include/asm-generic/kexec_handover.h); struct kho_mem of the series.
struct KhoArea {
  Le64 addr;
  Le64 size;
};
static_assert(sizeof(KhoArea) == 16);

// --- The tree ---

namespace kho_fdt {

inline constexpr const char* kPropCompatible = "compatible";  // string, the version of the whole handover
inline constexpr const char* kPropMap = "preserved-memory-map";
// Of a client's node.
inline constexpr const char* kPropFdt = "fdt";              // kho-v1: address of a tree
inline constexpr const char* kPropData = "preserved-data";  // kho-v2 on: address of anything
inline constexpr const char* kPropSize = "blob-size";       // kho-v3 on: u64, bytes
// Of the series.
inline constexpr const char* kPropMem = "mem";                     // of any node: KhoArea pairs
inline constexpr std::uint64_t kMemNoInit = 1;                     // in such an address
inline constexpr const char* kNodePreserved = "preserved-memory";  // series v5
inline constexpr const char* kPropMetadata = "metadata";           // its list of chunks

inline constexpr const char* kClientMemblock = "memblock";
inline constexpr const char* kClientLuo = "LUO";
inline constexpr const char* kClientMetadata = "kexec-metadata";
inline constexpr const char* kClientTest = "kho_test";

}  // namespace kho_fdt

// --- kho-v1: a list of pages of bitmaps (struct khoser_mem_chunk, khoser_mem_bitmap_ptr) ---

struct KhoChunkHeader {
  Le64 next;  // 0 at the end
  Le32 order;
  Le32 num_elms;
};
static_assert(sizeof(KhoChunkHeader) == 16 && offsetof(KhoChunkHeader, num_elms) == 12);

struct KhoChunkElement {
  Le64 phys_start;  // of the bitmap's first bit
  Le64 bitmap;
};
static_assert(sizeof(KhoChunkElement) == 16 && offsetof(KhoChunkElement, bitmap) == 8);

inline constexpr std::uint32_t kKhoChunkElements = 255;
static_assert(sizeof(KhoChunkHeader) + kKhoChunkElements * sizeof(KhoChunkElement) == 4096);

// --- kho-v2 on: a radix tree (include/linux/kho/abi/kexec_handover.h) ---
//
// A block's key is 2^(52 - order) + (address >> (12 + order)).  Levels 5 to 1 are tables of 512 addresses, nine bits of
// the key each, and level 0 is a bitmap of its last fifteen bits.

inline constexpr int kKhoKeyTopBit = 52;  // of order 0
inline constexpr int kKhoRadixDepth = 6;
inline constexpr int kKhoTableBits = 9;
inline constexpr int kKhoLeafBits = 15;
static_assert((std::size_t{1} << kKhoTableBits) * sizeof(Le64) == 4096 && (std::size_t{1} << kKhoLeafBits) == 4096 * 8);
static_assert((kKhoRadixDepth - 1) * kKhoTableBits + kKhoLeafBits > kKhoKeyTopBit);

// --- What clients use ---

// struct kho_vmalloc: an area of scattered pages.
struct KhoVmalloc {
  Le64 first;  // page of KhoVmallocChunk
  Le32 total_pages;
  Le16 flags;
  Le16 order;  // of each entry
};
static_assert(sizeof(KhoVmalloc) == 16 && offsetof(KhoVmalloc, order) == 14);

struct KhoVmallocChunk {
  Le64 next;
  std::array<Le64, 511> phys;  // up to the first 0
};
static_assert(sizeof(KhoVmallocChunk) == 4096);

// struct kho_block_header (include/linux/kho/abi/block.h), then `count` entries of a size that the list's owner knows.
struct KhoBlockHeader {
  Le64 next;
  Le64 count;
};
static_assert(sizeof(KhoBlockHeader) == 16);

inline constexpr std::uint64_t kKhoMaxBlocks = 10000;  // of a list

// include/linux/kho/abi/kexec_metadata.h: blob of the client kexec-metadata.
struct KhoKexecMetadata {
  Le32 version;
  std::array<char, 65> previous_release;
  Le32 kexec_count;
};
static_assert(sizeof(KhoKexecMetadata) == 73 && offsetof(KhoKexecMetadata, kexec_count) == 69);

inline constexpr std::uint32_t kKhoKexecMetadataVersion = 1;

// --- Clients: memblock (include/linux/kho/abi/memblock.h), a tree ---

namespace kho_memblock {

inline constexpr const char* kCompatible = "memblock-v1";
inline constexpr const char* kAreaCompatible = "reserve-mem-v1";
inline constexpr const char* kPropStart = "start";  // u64
inline constexpr const char* kPropSize = "size";    // u64, bytes

}  // namespace kho_memblock

// --- Clients: LUO, live update orchestrator (include/linux/kho/abi/luo.h) ---

struct KhoLuo {
  std::array<char, 8> compatible;  // "luo-v5"
  Le64 liveupdate_num;
  Le64 sessions;  // list of KhoBlockHeader with KhoLuoSession
  Le64 flbs;
};
static_assert(sizeof(KhoLuo) == 32 && offsetof(KhoLuo, sessions) == 16);

struct KhoLuoSession {
  std::array<char, 64> name;
  Le64 files;  // list of KhoBlockHeader with KhoLuoFile
  Le64 count;
};
static_assert(sizeof(KhoLuoSession) == 80 && offsetof(KhoLuoSession, files) == 64);

struct KhoLuoFile {
  std::array<char, 48> compatible;
  Le64 data;
  Le64 token;
};
static_assert(sizeof(KhoLuoFile) == 64 && offsetof(KhoLuoFile, data) == 48);

inline constexpr const char* kKhoLuoCompatible = "luo-v5";

// include/linux/kho/abi/memfd.h: data of a file that says "memfd-v2".
struct KhoMemfd {
  Le64 pos;
  Le64 size;  // bytes
  Le32 seals;
  Le32 flags;
  Le64 nr_folios;
  KhoVmalloc folios;  // an array of KhoMemfdFolio
};
static_assert(sizeof(KhoMemfd) == 48 && offsetof(KhoMemfd, folios) == 32);

struct KhoMemfdFolio {
  Le64 pfn_and_flags;
  Le64 index;  // of its first page in the file
};
static_assert(sizeof(KhoMemfdFolio) == 16);

inline constexpr const char* kKhoMemfdCompatible = "memfd-v2";
inline constexpr std::uint64_t kKhoMemfdPfnMask = (std::uint64_t{1} << 52) - 1;
inline constexpr std::uint64_t kKhoMemfdDirty = std::uint64_t{1} << 52;
inline constexpr std::uint64_t kKhoMemfdUpToDate = std::uint64_t{1} << 53;

// --- Clients: kho_test (lib/test_kho.c), a tree ---

namespace kho_test {

inline constexpr const char* kCompatible = "kho-test-v1";
inline constexpr const char* kPropMagic = "magic";  // u32
inline constexpr std::uint32_t kMagic = 0x4b484f21;
inline constexpr const char* kNodeData = "data";
inline constexpr const char* kPropNumFolios = "nr_folios";  // u32
inline constexpr const char* kPropFolios = "folios_info";   // KhoVmalloc: an array of u64, address | order
inline constexpr const char* kPropChecksum = "csum";        // u32

}  // namespace kho_test

}  // namespace holdfast
