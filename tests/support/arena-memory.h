// SPDX-License-Identifier: BSD-2-Clause
// Pages that an encoder fills and a decoder reads, and what the decoder gave.

#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "common/base/stored-int.h"
#include "common/format/page-arena.h"
#include "common/mem/kept-block.h"
#include "common/mem/phys-memory.h"

namespace holdfast::test {

// Physical memory in one piece, with an arena that begins where it does.
class ArenaMemory {
 public:
  ArenaMemory(std::uint64_t start, std::uint64_t pages, std::uint64_t arena_pages)
      : bytes_(pages * kPageSize),
        range_(PhysRange::FromStartSize(PhysAddr(start), bytes_.size()).value()),
        arena_(PhysRange::FromStartSize(PhysAddr(start), arena_pages * kPageSize).value(),
               std::span(bytes_).first(arena_pages * kPageSize)) {}
  ArenaMemory(std::uint64_t start, std::uint64_t pages) : ArenaMemory(start, pages, pages) {}

  PageArena& arena() { return arena_; }
  PhysRange range() const { return range_; }
  PhysMemory memory() const { return PhysMemory(&Read, this); }

  std::byte* At(std::uint64_t address) { return &bytes_.at(address - range_.start().raw()); }
  std::span<std::byte> Bytes(PhysRange range) {
    return std::span(bytes_).subspan(range.start().raw() - range_.start().raw(), range.size());
  }
  std::uint64_t Get64(std::uint64_t address) const {
    Le64 stored;
    std::memcpy(&stored, &bytes_.at(address - range_.start().raw()), sizeof(stored));
    return stored.value();
  }
  void Set64(std::uint64_t address, std::uint64_t value) {
    const Le64 stored(value);
    std::memcpy(At(address), &stored, sizeof(stored));
  }

 private:
  static const std::byte* Read(const void* backing, PhysRange range) {
    const auto& self = *static_cast<const ArenaMemory*>(backing);
    return self.range_.Contains(range) ? self.bytes_.data() + (range.start().raw() - self.range_.start().raw())
                                       : nullptr;
  }

  std::vector<std::byte> bytes_;
  PhysRange range_;
  PageArena arena_;
};

// Notes every block.
class BlockList {
 public:
  BlockSink sink() { return BlockSink(&Add, this); }
  const std::vector<KeptBlock>& all() const { return blocks_; }

  // The ranges of one kind in the order they came, those that touch made one.
  std::vector<PhysRange> Joined(KeptKind kind) const {
    std::vector<PhysRange> out;
    for (const KeptBlock& block : blocks_) {
      if (block.kind != kind) {
        continue;
      }
      if (!out.empty() && out.back().end() == block.range.start()) {
        out.back() = PhysRange::FromStartEnd(out.back().start(), block.range.end()).value();
      } else {
        out.push_back(block.range);
      }
    }
    return out;
  }
  std::size_t Count(KeptKind kind) const {
    return static_cast<std::size_t>(
        std::count_if(blocks_.begin(), blocks_.end(), [kind](const KeptBlock& block) { return block.kind == kind; }));
  }

 private:
  static Status Add(void* self, const KeptBlock& block) {
    static_cast<BlockList*>(self)->blocks_.push_back(block);
    return kDone;
  }

  std::vector<KeptBlock> blocks_;
};

inline KeptBlock BlockOf(std::uint64_t start, std::int8_t order) {
  return {.range = PhysRange::FromStartSize(PhysAddr(start), kPageSize << order).value(), .order = order};
}

}  // namespace holdfast::test
