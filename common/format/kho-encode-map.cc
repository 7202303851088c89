// SPDX-License-Identifier: BSD-2-Clause
// KHO's maps, written.

#include "common/format/kho-encode-map.h"

#include "common/abi/kho.h"

namespace holdfast {
namespace {

// Numbers of the blocks in a run, among all of their order.
constexpr std::uint64_t FirstOf(const KeptBlock& block) { return block.range.start().raw() >> KhoShiftOf(block); }
constexpr std::uint64_t EndOf(const KeptBlock& block) { return block.range.end().raw() >> KhoShiftOf(block); }

// --- kho-v1 ---

class BitmapList {
 public:
  BitmapList(ArenaPages& pages, KhoBitmaps form) : pages_(pages), bytes_(form == KhoBitmaps::k512 ? 512 : 4096) {}

  Status Add(const KeptBlock& block) {
    const std::uint64_t bits = bytes_ * 8;
    for (std::uint64_t number = FirstOf(block); number < EndOf(block); ++number) {
      const std::uint64_t start = number / bits * bits << KhoShiftOf(block);
      if (bitmap_ == 0 || order_ != block.order || start_ != start) {
        TRY(Begin(block.order, start));
      }
      pages_.SetBit(bitmap_, number % bits);
    }
    return kDone;
  }
  PhysAddr root() const { return root_; }

 private:
  Status Begin(std::int8_t order, std::uint64_t start) {
    if (chunk_ == 0 || order_ != order || num_elements_ == kKhoChunkElements) {
      TRY_ASSIGN(const PhysAddr chunk, pages_.Take());
      Link(chunk);
      order_ = order;
      num_elements_ = 0;
    }
    start_ = start;
    if (room_ == 0) {
      TRY_ASSIGN(const PhysAddr page, pages_.Take());
      bitmap_ = page.raw();
      room_ = kPageSize;
    } else {
      bitmap_ += bytes_;
    }
    room_ -= bytes_;
    pages_.Put(chunk_ + sizeof(KhoChunkHeader) + num_elements_ * sizeof(KhoChunkElement),
               KhoChunkElement{Le64(start), Le64(bitmap_)});
    ++num_elements_;
    pages_.Put(chunk_, KhoChunkHeader{Le64(0), Le32(static_cast<std::uint32_t>(order_)), Le32(num_elements_)});
    return kDone;
  }
  void Link(PhysAddr chunk) {
    if (chunk_ == 0) {
      root_ = chunk;
    } else {
      pages_.Put(chunk_ + offsetof(KhoChunkHeader, next), Le64(chunk.raw()));
    }
    chunk_ = chunk.raw();
  }

  ArenaPages& pages_;
  std::uint64_t bytes_;
  PhysAddr root_;
  std::uint64_t chunk_ = 0;  // the last one
  std::uint32_t num_elements_ = 0;
  std::int8_t order_ = 0;
  std::uint64_t start_ = 0;   // of the last element
  std::uint64_t bitmap_ = 0;  // its
  std::uint64_t room_ = 0;    // behind it in its page
};

}  // namespace

Result<PhysAddr> WriteKhoBitmaps(ArenaPages& pages, std::span<const KeptBlock> blocks, KhoBitmaps form) {
  BitmapList list(pages, form);
  for (int order = 0; order <= kMaxKhoOrder; ++order) {
    for (const KeptBlock& block : blocks) {
      if (block.order == order) {
        TRY(list.Add(block));
      }
    }
  }
  // A map of nothing is a chunk of nothing.
  return list.root() != PhysAddr(0) ? Result<PhysAddr>(list.root()) : pages.Take();
}

namespace {

// --- kho-v2 on ---

class RadixTree {
 public:
  RadixTree(ArenaPages& pages, PhysAddr root) : pages_(pages), root_(root) {}

  Status Add(const KeptBlock& block) {
    const std::uint64_t marker = std::uint64_t{1} << (kKhoKeyTopBit - block.order);
    for (std::uint64_t number = FirstOf(block); number < EndOf(block); ++number) {
      TRY(AddKey(marker + number));
    }
    return kDone;
  }

 private:
  static constexpr std::uint64_t kLeafMask = (std::uint64_t{1} << kKhoLeafBits) - 1;
  static constexpr std::uint64_t kTableMask = (std::uint64_t{1} << kKhoTableBits) - 1;

  Status AddKey(std::uint64_t key) {
    if (leaf_ == 0 || leaf_keys_ != key >> kKhoLeafBits) {
      TRY(FindLeaf(key));
    }
    pages_.SetBit(leaf_, key & kLeafMask);
    return kDone;
  }
  Status FindLeaf(std::uint64_t key) {
    std::uint64_t node = root_.raw();
    for (int level = kKhoRadixDepth - 1; level > 0; --level) {
      const std::uint64_t index = (key >> (kKhoLeafBits + kKhoTableBits * (level - 1))) & kTableMask;
      const std::uint64_t entry = node + index * sizeof(Le64);
      node = pages_.Get<Le64>(entry).value();
      if (node == 0) {
        TRY_ASSIGN(const PhysAddr page, pages_.Take());
        node = page.raw();
        pages_.Put(entry, Le64(node));
      }
    }
    leaf_ = node;
    leaf_keys_ = key >> kKhoLeafBits;
    return kDone;
  }

  ArenaPages& pages_;
  PhysAddr root_;
  std::uint64_t leaf_ = 0;       // the last one
  std::uint64_t leaf_keys_ = 0;  // what its keys begin with
};

}  // namespace

Result<PhysAddr> WriteKhoRadix(ArenaPages& pages, std::span<const KeptBlock> blocks) {
  TRY_ASSIGN(const PhysAddr root, pages.Take());
  RadixTree tree(pages, root);
  for (const KeptBlock& block : blocks) {
    TRY(tree.Add(block));
  }
  return root;
}

}  // namespace holdfast
