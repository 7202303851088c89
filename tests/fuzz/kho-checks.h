// SPDX-License-Identifier: BSD-2-Clause
// What must hold of all that KHO's walks give, and the handover around a map that a fuzzer made.

#pragma once

#include "common/abi/kho.h"
#include "common/format/fdt.h"
#include "common/format/kho.h"
#include "tests/fuzz/page-memory.h"

namespace holdfast::fuzz {

// Takes blocks, up to as many as a stage has room for.
class KhoBlockCheck {
 public:
  // `with_orders`: the dialect says them.
  explicit KhoBlockCheck(bool with_orders) : with_orders_(with_orders) {}

  BlockSink sink() { return BlockSink(&Add, this); }
  std::uint64_t num_blocks() const { return num_blocks_; }
  std::uint64_t num_structures() const { return num_structures_; }

 private:
  static constexpr std::uint64_t kRoom = 20000;

  static Status Add(void* self, const KeptBlock& block) { return static_cast<KhoBlockCheck*>(self)->Take(block); }

  Status Take(const KeptBlock& block) {
    Check(!block.range.empty(), "no block is empty");
    Check(block.range.end() <= PhysAddr(kPhysLimit), "a block ends at or below the limit");
    switch (block.kind) {
      case KeptKind::kMemory:
        TakeMemory(block);
        break;
      case KeptKind::kStructure:
        ++num_structures_;
        Check(block.range.size() == 512 ? IsAligned(block.range.start().raw(), 512) : IsMadeOfPages(block.range),
              "a structure is made of pages, or a small bitmap");
        break;
      case KeptKind::kUncertain:
        Check(block.range.start() >= PhysAddr(kMiB) && IsMadeOfPages(block.range), "a span is made of pages");
        break;
    }
    return ++taken_ == kRoom ? Status(Error{Errc::kTableFull, kRoom}) : Status(kDone);
  }

  void TakeMemory(const KeptBlock& block) {
    Check(block.range.start() >= PhysAddr(kMiB), "no block lies below 1 MiB");
    Check((block.order != KeptBlock::kNoOrder) == with_orders_, "a block has an order where the dialect has them");
    if (!with_orders_) {
      ++num_blocks_;
      return;
    }
    Check(block.order >= 0 && block.order <= kMaxKhoOrder, "an order is one");
    const std::uint64_t size = kPageSize << block.order;
    Check(IsAligned(block.range.start().raw(), size) && IsAligned(block.range.size(), size),
          "a run is made of blocks of its order");
    num_blocks_ += block.range.size() / size;
  }

  static bool IsMadeOfPages(PhysRange range) { return range == range.RoundedIn(kPageSize); }

  bool with_orders_;
  std::uint64_t taken_ = 0;
  std::uint64_t num_blocks_ = 0;
  std::uint64_t num_structures_ = 0;
};

// Decodes the map that begins at the page of the header's second byte, in a handover of that version whose tree and
// array take the last two pages.
inline void CheckKhoMap(PageMemory& input, const char* compatible, KhoBitmaps form) {
  constexpr std::uint64_t kTree = PageMemory::kPages - 2;
  constexpr std::uint64_t kArray = PageMemory::kPages - 1;
  FdtWriter writer(input.bytes().subspan(kTree * kPageSize, kPageSize));
  const Le64 map(PageMemory::PageAt(input.header()[1]).raw());
  writer.BeginNode("");
  writer.String(kho_fdt::kPropCompatible, compatible);
  writer.Bytes(kho_fdt::kPropMap, std::as_bytes(std::span(&map, 1)));
  writer.EndNode();
  Check(writer.Finish().ok(), "the tree has room");
  const KhoArea area{Le64(PageMemory::PageAt(kArray).raw()), Le64(kPageSize)};
  std::memcpy(input.bytes().data() + kArray * kPageSize, &area, sizeof(area));

  KhoRecord record;
  record.fdt = PhysRange::FromStartSize(PageMemory::PageAt(kTree), kPageSize).value();
  record.scratch = PhysRange::FromStartSize(PageMemory::PageAt(kArray), sizeof(area)).value();
  std::array<PhysRange, 4> storage;
  RangeSet scratch(storage);
  KhoBlockCheck blocks(/*with_orders=*/true);
  KhoFacts facts;
  const Status decoded = DecodeKho(record, form, input.memory(), scratch, blocks.sink(), facts);
  Check(facts.num_structures == blocks.num_structures(), "structures are counted");
  if (decoded.ok()) {
    Check(facts.num_blocks == blocks.num_blocks(), "blocks are counted");
    Check(facts.map == PhysAddr(map.value()), "the map is where the tree says");
  }
}

}  // namespace holdfast::fuzz
