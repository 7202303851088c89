// SPDX-License-Identifier: BSD-2-Clause
// KHO, Kexec HandOver: Linux' own handover, in every form it has had.
//
// Layouts: common/abi/kho.h.  The carrier is a setup_data node of type 10; its record leads to a device tree, the
// tree's compatible string says how the map of preserved memory is written:
//
//   kho-v1                     a list of pages of bitmaps, 512 bytes each until 6.17, 4096 from 6.18 on
//   kho-v2, kho-v3, kho-v4     a radix tree of six levels
//   the unmerged series        arrays of ranges in the tree itself (`mem`), or the list of bitmaps below
//                              /preserved-memory; they call themselves kho-v1 as well
//
// A decoder gives kMemory blocks as the map lists them, and a kStructure block for every page that it has read: the
// tree, the map's pages, the array of scratch areas (of a bitmap of 512 bytes only these, as several lie in a page).
// Blocks of one order that stand one behind the other in one bitmap come as one KeptBlock, whose range is a multiple of
// the order's size.  The `mem` arrays say no order, and their ranges need not be pages.  That blocks are RAM and
// overlap neither each other nor scratch is for PreservedMap::Seal() and common/plan to check.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/format/page-arena.h"
#include "common/mem/kept-block.h"
#include "common/mem/phys-memory.h"
#include "common/mem/range-set.h"

namespace holdfast {

enum class KhoDialect : std::uint8_t { kSeriesMem, kSeriesMetadata, kV1, kV2, kV3, kV4 };
// "kho-series", "kho-v1", ... as people call it.
std::string_view KhoDialectName(KhoDialect dialect);

// The size of a bitmap in kho-v1, which no field tells.
enum class KhoBitmaps : std::uint8_t { kUnknown, k512, k4096 };

// The payload of the setup_data node.
struct KhoRecord {
  PhysRange fdt;
  PhysRange scratch;    // the array of areas; in the 48-byte record of 2023 the one area itself
  PhysRange mem_cache;  // of the 48-byte record: the sender's merged array; else empty
  bool is_2023 = false;
};
// kMalformed (where: the size): neither 32 nor 48 bytes; (where: byte offset) a tree or an array of no bytes, an array
// that is no whole number of areas; kMisaligned (where: the address) of the tree; kTooLarge: tree or array of more than
// 256 KiB (10 MiB for the tree of 2023); kOutOfBounds.
Result<KhoRecord> DecodeKhoRecord(std::span<const std::byte> payload);

// What was found on the way.
struct KhoFacts {
  KhoDialect dialect = KhoDialect::kV4;
  std::string_view compatible;                // in the tree
  KhoBitmaps bitmaps = KhoBitmaps::kUnknown;  // kho-v1: which it is, by proof or because the caller said so
  PhysAddr map;                               // the root of the map, 0 where the tree itself is it
  std::uint64_t num_blocks = 0;
  std::uint64_t num_structures = 0;  // tree, arrays, chunks, bitmaps and nodes; a preserved block may cover them too
};

// Walks the whole handover.  Scratch areas are added to `scratch`, each by itself.  `bitmaps` settles kho-v1's size;
// kUnknown looks for proofs (kho.cc), and where there are none gives every span of the larger size as kUncertain.
//
// Errors (where: a physical address if not said otherwise):
// kNotFinalized (of the tree): no device tree is there, which is how senders up to 6.18 look that were not told to
// finalize, or the map's address is 0.
// kUnknownCompatible (where: byte offset in the tree): a version that is not known.  FdtView's errors.
// kMalformed: a property of the wrong size, a tree without a map, a `mem` that is not made of ranges or that the mem
// cache does not hold (where: byte offset in the tree); scratch areas that overlap, a mem cache that does not ascend
// (of the array's element); no scratch, an array outside of every area (of the array); a chunk with too many elements
// or an order that is impossible or descends (of the field); an element without a bitmap, whose start descends or is no
// multiple of its span (of the field); a key of the radix tree that is no address's (of the table's entry) or says no
// order (of the bitmap's word); the tree or a part of the map in scratch (of it), where a next kernel allocates before
// it has read them: but the unmerged series have their tree there. kMisaligned (where: the pointer) of what must lie at
// a page, or a bitmap at its size; of a scratch area's border. kCycle: a list that does not end, a node below itself, a
// structure that was met shortly before.  Seal() sees others. kTooLarge (where: bytes): more than kMaxKhoStructures.
// kTableFull: more than kMaxKhoScratch.  kUnreadable. kOutOfBounds: a block past kPhysLimit or below 1 MiB.  The
// sink's.
Status DecodeKho(const KhoRecord& record, KhoBitmaps bitmaps, const PhysMemory& memory, RangeSet& scratch,
                 const BlockSink& sink, KhoFacts& out);

// Whether the sender was never told to finalize, and so hands nothing over: up to 6.18 it leaves zeros in the tree's
// place, later kho-v1 has a map at 0.  False for what does not read: DecodeKho() says why.
bool HandsNothingOver(const KhoRecord& record, const PhysMemory& memory);

inline constexpr std::uint64_t kMaxKhoStructures = std::uint64_t{1} << 20;  // of one description
inline constexpr std::size_t kMaxKhoScratch = 1026;                         // areas: 1024 nodes and two
inline constexpr int kMaxKhoOrder = 39;  // 2^51 bytes; a larger block is past kPhysLimit

// --- The other way round, for tests and the tool ------------------------------------------------------------------

struct KhoClient {
  std::string_view name;
  PhysAddr blob;
  std::uint64_t size = 0;
};
struct KhoImage {
  KhoDialect dialect = KhoDialect::kV4;
  KhoBitmaps bitmaps = KhoBitmaps::k4096;  // of kho-v1
  bool is_2023 = false;                    // of kSeriesMem: the record of 48 bytes, with a mem cache and one area
  std::span<const KeptBlock> blocks;       // ascending by their starts; each with its order, or runs of that order
  std::span<const PhysRange> scratch;      // areas
  std::span<const KhoClient> clients;
};
// Writes the tree, the map and, into `scratch_page`, the array of areas.  The record is what a setup_data node would
// carry.  kMalformed (where: index of the block): no memory, no order (which the `mem` arrays do not ask for), a range
// that is not of its order, a start that descends; kTableFull.
// Pre: the arena's bytes begin at a multiple of 8, for the tree.
Result<KhoRecord> EncodeKho(const KhoImage& image, PageArena& arena, PageArena& scratch_page);
// The record as the node's payload: 32 bytes, or 48.
std::span<const std::byte> EncodeKhoRecord(const KhoRecord& record, std::span<std::byte, 48> storage);

}  // namespace holdfast
