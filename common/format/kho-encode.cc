// SPDX-License-Identifier: BSD-2-Clause
// KHO, written: what a sender of each dialect would leave.

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "common/abi/kho.h"
#include "common/format/fdt.h"
#include "common/format/kho.h"

namespace holdfast {
namespace {

// The pages of an arena as memory: what was taken can be found again by its address.
class Pages {
 public:
  explicit Pages(PageArena& arena) : arena_(arena) {}

  Result<PhysAddr> Take(std::uint64_t count = 1) {
    TRY_ASSIGN(const PageArena::Page page, arena_.Take(count));
    if (base_ == nullptr) {
      base_ = page.bytes;
      base_at_ = page.at;
    }
    return page.at;
  }
  // Pre: `at` lies in what was taken.
  std::byte* At(std::uint64_t at) const { return base_ + (at - base_at_.raw()); }
  template <typename T>
  T Get(std::uint64_t at) const {
    T out;
    std::memcpy(&out, At(at), sizeof(out));
    return out;
  }
  template <typename T>
  void Put(std::uint64_t at, const T& value) const {
    std::memcpy(At(at), &value, sizeof(value));
  }
  void SetBit(std::uint64_t bitmap, std::uint64_t bit) const {
    *At(bitmap + bit / 8) |= static_cast<std::byte>(1U << (bit % 8));
  }

 private:
  PageArena& arena_;
  std::byte* base_ = nullptr;
  PhysAddr base_at_;
};

constexpr int ShiftOf(const KeptBlock& block) { return 12 + block.order; }
// Numbers of the blocks in a run, among all of their order.
constexpr std::uint64_t FirstOf(const KeptBlock& block) { return block.range.start().raw() >> ShiftOf(block); }
constexpr std::uint64_t EndOf(const KeptBlock& block) { return block.range.end().raw() >> ShiftOf(block); }

bool NeedsOrder(KhoDialect dialect) { return dialect != KhoDialect::kSeriesMem; }

bool IsEncodable(const KeptBlock& block, KhoDialect dialect) {
  if (block.kind != KeptKind::kMemory || block.range.empty()) {
    return false;
  }
  return !NeedsOrder(dialect) || (block.order >= 0 && block.order <= kMaxKhoOrder &&
                                  block.range == block.range.RoundedIn(std::uint64_t{1} << ShiftOf(block)));
}

Status CheckBlocks(const KhoImage& image) {
  PhysAddr start;
  for (std::size_t i = 0; i < image.blocks.size(); ++i) {
    const KeptBlock& block = image.blocks[i];
    if (!IsEncodable(block, image.dialect) || block.range.start() < start) {
      return Error{Errc::kMalformed, i};
    }
    start = block.range.start();
  }
  return kDone;
}

// --- kho-v1 ---

class BitmapList {
 public:
  BitmapList(Pages& pages, KhoBitmaps form) : pages_(pages), bytes_(form == KhoBitmaps::k512 ? 512 : 4096) {}

  Status Add(const KeptBlock& block) {
    const std::uint64_t bits = bytes_ * 8;
    for (std::uint64_t number = FirstOf(block); number < EndOf(block); ++number) {
      const std::uint64_t start = number / bits * bits << ShiftOf(block);
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

  Pages& pages_;
  std::uint64_t bytes_;
  PhysAddr root_;
  std::uint64_t chunk_ = 0;  // the last one
  std::uint32_t num_elements_ = 0;
  std::int8_t order_ = 0;
  std::uint64_t start_ = 0;   // of the last element
  std::uint64_t bitmap_ = 0;  // its
  std::uint64_t room_ = 0;    // behind it in its page
};

Result<PhysAddr> WriteBitmaps(Pages& pages, std::span<const KeptBlock> blocks, KhoBitmaps form) {
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

// --- kho-v2 on ---

class RadixTree {
 public:
  RadixTree(Pages& pages, PhysAddr root) : pages_(pages), root_(root) {}

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

  Pages& pages_;
  PhysAddr root_;
  std::uint64_t leaf_ = 0;       // the last one
  std::uint64_t leaf_keys_ = 0;  // what its keys begin with
};

Result<PhysAddr> WriteRadix(Pages& pages, std::span<const KeptBlock> blocks) {
  TRY_ASSIGN(const PhysAddr root, pages.Take());
  RadixTree tree(pages, root);
  for (const KeptBlock& block : blocks) {
    TRY(tree.Add(block));
  }
  return root;
}

// --- The series' arrays ---

KhoArea AreaOf(PhysRange range) { return {Le64(range.start().raw()), Le64(range.size())}; }

void WriteMem(FdtWriter& writer, std::span<const KeptBlock> blocks) {
  writer.BeginNode("memory");
  auto space = writer.Space(kho_fdt::kPropMem, blocks.size() * sizeof(KhoArea));
  for (const KeptBlock& block : blocks) {
    if (space.empty()) {
      break;
    }
    const KhoArea area = AreaOf(block.range);
    std::memcpy(space.data(), &area, sizeof(area));
    space = space.subspan(sizeof(area));
  }
  writer.EndNode();
}

// The ranges merged.  Pre: they ascend.
Result<PhysRange> WriteMemCache(Pages& pages, std::span<const KeptBlock> blocks) {
  TRY_ASSIGN(const PhysAddr at, pages.Take(blocks.size() * sizeof(KhoArea) / kPageSize + 1));
  std::uint64_t size = 0;
  PhysRange last;
  for (const KeptBlock& block : blocks) {
    if (size != 0 && block.range.start() <= last.end()) {
      TRY_ASSIGN(last, PhysRange::FromStartEnd(last.start(), std::max(last.end(), block.range.end())));
    } else {
      last = block.range;
      size += sizeof(KhoArea);
    }
    pages.Put(at.raw() + size - sizeof(KhoArea), AreaOf(last));
  }
  return PhysRange::FromStartSize(at, size);
}

// --- The tree ---

void WriteNumber(FdtWriter& writer, const char* name, std::uint64_t value) {
  const Le64 stored(value);
  writer.Bytes(name, std::as_bytes(std::span(&stored, 1)));
}

void WriteClient(FdtWriter& writer, const KhoClient& client, KhoDialect dialect) {
  writer.BeginNode(client.name);
  WriteNumber(writer, dialect == KhoDialect::kV1 ? kho_fdt::kPropFdt : kho_fdt::kPropData, client.blob.raw());
  if (dialect == KhoDialect::kV3 || dialect == KhoDialect::kV4) {
    WriteNumber(writer, kho_fdt::kPropSize, client.size);
  }
  writer.EndNode();
}

Result<std::optional<PhysAddr>> WriteMap(Pages& pages, const KhoImage& image) {
  switch (image.dialect) {
    case KhoDialect::kSeriesMem:
      return std::optional<PhysAddr>();
    case KhoDialect::kSeriesMetadata:
    case KhoDialect::kV1: {
      const bool is_series = image.dialect == KhoDialect::kSeriesMetadata;
      TRY_ASSIGN(const PhysAddr map, WriteBitmaps(pages, image.blocks, is_series ? KhoBitmaps::k512 : image.bitmaps));
      return std::optional(map);
    }
    case KhoDialect::kV2:
    case KhoDialect::kV3:
    case KhoDialect::kV4:
      break;
  }
  TRY_ASSIGN(const PhysAddr map, WriteRadix(pages, image.blocks));
  return std::optional(map);
}

Status WriteTree(std::span<std::byte> storage, const KhoImage& image, std::optional<PhysAddr> map) {
  const bool is_series = image.dialect == KhoDialect::kSeriesMem || image.dialect == KhoDialect::kSeriesMetadata;
  FdtWriter writer(storage);
  writer.BeginNode("");
  writer.String(kho_fdt::kPropCompatible, is_series ? KhoDialectName(KhoDialect::kV1) : KhoDialectName(image.dialect));
  if (map && !is_series) {
    WriteNumber(writer, kho_fdt::kPropMap, map->raw());
  } else if (map) {
    writer.BeginNode(kho_fdt::kNodePreserved);
    WriteNumber(writer, kho_fdt::kPropMetadata, map->raw());
    writer.EndNode();
  } else {
    WriteMem(writer, image.blocks);
  }
  for (const KhoClient& client : image.clients) {
    WriteClient(writer, client, image.dialect);
  }
  writer.EndNode();
  TRY(writer.Finish());
  return kDone;
}

Result<PhysRange> WriteScratch(PageArena& arena, std::span<const PhysRange> areas) {
  Pages pages(arena);
  TRY_ASSIGN(const PhysAddr at, pages.Take(areas.size() * sizeof(KhoArea) / kPageSize + 1));
  for (std::size_t i = 0; i < areas.size(); ++i) {
    pages.Put(at.raw() + i * sizeof(KhoArea), AreaOf(areas[i]));
  }
  return PhysRange::FromStartSize(at, areas.size() * sizeof(KhoArea));
}

}  // namespace

Result<KhoRecord> EncodeKho(const KhoImage& image, PageArena& arena, PageArena& scratch_page) {
  TRY(CheckBlocks(image));
  Require(!image.is_2023 || (image.dialect == KhoDialect::kSeriesMem && image.scratch.size() == 1));
  Pages pages(arena);
  const std::uint64_t tree_pages =
      image.dialect == KhoDialect::kSeriesMem ? 1 + image.blocks.size() * sizeof(KhoArea) / kPageSize + 1 : 1;
  TRY_ASSIGN(const PhysAddr tree, pages.Take(tree_pages));
  TRY_ASSIGN(const auto map, WriteMap(pages, image));
  TRY(WriteTree({pages.At(tree.raw()), static_cast<std::size_t>(tree_pages * kPageSize)}, image, map));

  KhoRecord record;
  record.is_2023 = image.is_2023;
  TRY_ASSIGN(record.fdt, PhysRange::FromStartSize(tree, tree_pages * kPageSize));
  if (image.is_2023) {
    record.scratch = image.scratch.front();
    TRY_ASSIGN(record.mem_cache, WriteMemCache(pages, image.blocks));
  } else {
    TRY_ASSIGN(record.scratch, WriteScratch(scratch_page, image.scratch));
  }
  return record;
}

}  // namespace holdfast
