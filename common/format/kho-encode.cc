// SPDX-License-Identifier: BSD-2-Clause
// KHO, written: what a sender of each dialect would leave.

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "common/abi/kho.h"
#include "common/format/fdt.h"
#include "common/format/kho-encode-map.h"
#include "common/format/kho.h"

namespace holdfast {
namespace {

bool NeedsOrder(KhoDialect dialect) { return dialect != KhoDialect::kSeriesMem; }

bool IsEncodable(const KeptBlock& block, KhoDialect dialect) {
  if (block.kind != KeptKind::kMemory || block.range.empty()) {
    return false;
  }
  return !NeedsOrder(dialect) || (block.order >= 0 && block.order <= kMaxKhoOrder &&
                                  block.range == block.range.RoundedIn(std::uint64_t{1} << KhoShiftOf(block)));
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
Result<PhysRange> WriteMemCache(ArenaPages& pages, std::span<const KeptBlock> blocks) {
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

Result<std::optional<PhysAddr>> WriteMap(ArenaPages& pages, const KhoImage& image) {
  switch (image.dialect) {
    case KhoDialect::kSeriesMem:
      return std::optional<PhysAddr>();
    case KhoDialect::kSeriesMetadata:
    case KhoDialect::kV1: {
      const bool is_series = image.dialect == KhoDialect::kSeriesMetadata;
      TRY_ASSIGN(const PhysAddr map,
                 WriteKhoBitmaps(pages, image.blocks, is_series ? KhoBitmaps::k512 : image.bitmaps));
      return std::optional(map);
    }
    case KhoDialect::kV2:
    case KhoDialect::kV3:
    case KhoDialect::kV4:
      break;
  }
  TRY_ASSIGN(const PhysAddr map, WriteKhoRadix(pages, image.blocks));
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
  ArenaPages pages(arena);
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
  ArenaPages pages(arena);
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
