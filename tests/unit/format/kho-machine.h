// SPDX-License-Identifier: BSD-2-Clause
// A machine's memory with a KHO handover in it, for the tests of its decoders.

#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "common/abi/kho.h"
#include "common/format/fdt.h"
#include "common/format/kho.h"
#include "tests/support/page-memory.h"
#include "tests/unit/format/expect.h"

namespace holdfast::test {

// Byte offset of the root in a tree that FdtWriter wrote: behind the header and an empty reservation block.
inline constexpr std::uint64_t kTreeRoot = 64;

// Notes every block.
class BlockList {
 public:
  BlockSink sink() { return BlockSink(&Note, this); }
  const std::vector<KeptBlock>& all() const { return blocks_; }
  std::vector<KeptBlock> Of(KeptKind kind) const {
    std::vector<KeptBlock> out;
    for (const KeptBlock& block : blocks_) {
      if (block.kind == kind) {
        out.push_back(block);
      }
    }
    return out;
  }

 private:
  static Status Note(void* context, const KeptBlock& block) {
    static_cast<BlockList*>(context)->blocks_.push_back(block);
    return kDone;
  }

  std::vector<KeptBlock> blocks_;
};

inline KeptBlock Block(std::uint64_t start, int order, std::uint64_t count = 1) {
  return {.range = Between(start, start + (count << (12 + order))),
          .kind = KeptKind::kMemory,
          .order = static_cast<std::int8_t>(order)};
}
inline KeptBlock Structure(std::uint64_t start, std::uint64_t size = kPageSize) {
  return {.range = Between(start, start + size), .kind = KeptKind::kStructure};
}

// Where things lie: the tree and the map from kTree on, one page behind the other, in the order in which they were
// taken; the array of areas within the one area of scratch.
struct KhoMachine {
  static constexpr std::uint64_t kTree = 0x7000000;
  static constexpr std::uint64_t kMap = kTree + kPageSize;
  static constexpr std::uint64_t kArray = 0x8010000;

  KhoMachine() : arena(memory.AddArena(kTree, 64)), array(memory.AddArena(kArray, 1)) {}

  // Encodes; nothing here can be refused.
  void Write(const KhoImage& image) { record = EncodeKho(image, arena, array).value(); }
  void Write(KhoDialect dialect, std::initializer_list<KeptBlock> blocks, KhoBitmaps bitmaps = KhoBitmaps::k4096) {
    const std::vector<KeptBlock> list(blocks);
    Write({.dialect = dialect, .bitmaps = bitmaps, .blocks = list, .scratch = areas, .clients = {}});
  }
  // A tree of the caller's in place of the one that was written.
  template <typename Body>
  void WriteTree(Body body) {
    AlignedBytes storage(kPageSize);
    FdtWriter writer(storage.span());
    writer.BeginNode("");
    body(writer);
    writer.EndNode();
    REQUIRE(writer.Finish().ok());
    std::array<std::byte, kPageSize> page;
    std::memcpy(page.data(), storage.span().data(), page.size());
    memory.Put(kTree, page);
  }
  std::uint64_t U64(std::uint64_t at) const { return memory.Get<Le64>(at).value(); }
  void PutU64(std::uint64_t at, std::uint64_t value) { memory.Put(at, Le64(value)); }
  void PutU32(std::uint64_t at, std::uint32_t value) { memory.Put(at, Le32(value)); }

  Status Decode(KhoBitmaps bitmaps = KhoBitmaps::kUnknown) {
    found = BlockList();
    scratch.Clear();
    return DecodeKho(record, bitmaps, memory.memory(), scratch, found.sink(), facts);
  }

  PageMemory memory;
  PageArena arena;
  PageArena array;
  std::array<PhysRange, 1> areas = {Between(0x8000000, 0x9000000)};
  KhoRecord record;

  std::array<PhysRange, 8> scratch_storage;
  RangeSet scratch{scratch_storage};
  BlockList found;
  KhoFacts facts;
};

}  // namespace holdfast::test
