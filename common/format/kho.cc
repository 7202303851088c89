// SPDX-License-Identifier: BSD-2-Clause
// KHO, Kexec HandOver: the whole handover, from its record on.

#include "common/format/kho.h"

#include <algorithm>

#include "common/abi/kho.h"
#include "common/format/kho-series.h"
#include "common/format/kho-tree.h"
#include "common/format/kho-walk.h"

namespace holdfast {
namespace {

// One area of scratch.  Empty: a kind of memory for which none was asked.
Result<PhysRange> AreaOf(const KhoArea& element) {
  TRY_ASSIGN(const PhysRange area, PhysRange::FromStartSize(PhysAddr(element.addr.value()), element.size.value()));
  for (const PhysAddr border : {area.start(), area.end()}) {
    if (!IsAligned(border.raw(), kPageSize)) {
      return Error{Errc::kMisaligned, border.raw()};
    }
  }
  return area;
}

// Not by `scratch` as it grows: another handover may have named the same areas.
Status CheckDisjoint(std::span<const std::byte> array, std::size_t i, PhysRange area, std::uint64_t where) {
  for (std::size_t k = 0; k < i; ++k) {
    TRY_ASSIGN(const PhysRange before, AreaOf(KhoAreaAt(array, k)));
    if (before.Overlaps(area)) {
      return Error{Errc::kMalformed, where};
    }
  }
  return kDone;
}

Status ReadScratch(KhoWalk& walk, PhysRange at, RangeSet& scratch) {
  const std::uint64_t count = at.size() / sizeof(KhoArea);
  if (count > kMaxKhoScratch) {
    return Error{Errc::kTableFull, kMaxKhoScratch};
  }
  TRY(walk.AddStructure(at.RoundedOut(kPageSize)));
  TRY_ASSIGN(const auto array, walk.memory().View(at));
  bool is_inside = false;
  bool is_empty = true;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t where = at.start().raw() + i * sizeof(KhoArea);
    TRY_ASSIGN(const PhysRange area, AreaOf(KhoAreaAt(array, i)));
    TRY(CheckDisjoint(array, i, area, where));
    TRY(scratch.AddApart(area));
    is_empty = is_empty && area.empty();
    is_inside = is_inside || area.Contains(at);
  }
  if (is_empty || !is_inside) {
    return Error{Errc::kMalformed, at.start().raw()};
  }
  return kDone;
}

// The one area of 2023.
Status AddScratch(PhysRange area, RangeSet& scratch) {
  TRY(AreaOf({Le64(area.start().raw()), Le64(area.size())}));
  return scratch.Add(area);
}

// Where the tree says that its map is.  Pre: it has one, and is not one itself.
Result<PhysAddr> MapOf(const KhoTree& tree, PhysRange fdt) {
  FdtNode node = tree.view.root();
  const char* name = kho_fdt::kPropMap;
  if (tree.dialect == KhoDialect::kSeriesMetadata) {
    TRY(tree.view.OnlyChild(node, kho_fdt::kNodePreserved));
    node = *tree.view.Child(node, kho_fdt::kNodePreserved);
    name = kho_fdt::kPropMetadata;
  }
  TRY_ASSIGN(const auto map, ReadKhoU64(tree.view, node, name));
  if (!map) {
    return Error{Errc::kMalformed, tree.view.WhereOf(node)};
  }
  if (*map == 0) {
    return Error{Errc::kNotFinalized, fdt.start().raw()};
  }
  return PhysAddr(*map);
}

Status WalkMap(KhoWalk& walk, const KhoTree& tree, const KhoRecord& record, KhoBitmaps bitmaps) {
  if (tree.dialect == KhoDialect::kSeriesMem) {
    return record.is_2023 ? WalkKhoMemCache(walk, tree.view, record.mem_cache) : WalkKhoMem(walk, tree.view);
  }
  TRY_ASSIGN(const PhysAddr map, MapOf(tree, record.fdt));
  walk.facts().map = map;
  if (tree.dialect == KhoDialect::kV1 || tree.dialect == KhoDialect::kSeriesMetadata) {
    // The series never had the larger ones.
    return WalkKhoBitmaps(walk, map, tree.dialect == KhoDialect::kV1 ? bitmaps : KhoBitmaps::k512);
  }
  return WalkKhoRadix(walk, map);
}

bool IsZero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

bool HandsNothingOver(const KhoRecord& record, const PhysMemory& memory) {
  const auto bytes = memory.View(record.fdt);
  if (bytes.ok() && IsZero(bytes.value())) {
    return true;
  }
  const auto tree = OpenKhoTree(record.fdt, record.is_2023, memory);
  if (!tree.ok() || (tree.value().dialect != KhoDialect::kV1 && tree.value().dialect != KhoDialect::kSeriesMetadata)) {
    return false;
  }
  const auto map = MapOf(tree.value(), record.fdt);
  return !map.ok() && map.error().code == Errc::kNotFinalized;
}

Status DecodeKho(const KhoRecord& record, KhoBitmaps bitmaps, const PhysMemory& memory, RangeSet& scratch,
                 const BlockSink& sink, KhoFacts& out) {
  out = {};
  KhoWalk walk(memory, sink, scratch, out);
  TRY_ASSIGN(const KhoTree tree, OpenKhoTree(record.fdt, record.is_2023, memory));
  out.dialect = tree.dialect;
  out.compatible = tree.compatible;
  TRY(walk.AddStructure(record.fdt.RoundedOut(kPageSize)));
  if (record.is_2023) {
    TRY(AddScratch(record.scratch, scratch));
  } else {
    TRY(ReadScratch(walk, record.scratch, scratch));
  }
  // The unmerged series had the tree loaded, and so in scratch.
  if (tree.dialect != KhoDialect::kSeriesMem && tree.dialect != KhoDialect::kSeriesMetadata) {
    TRY(walk.CheckOutsideScratch(record.fdt));
  }
  return WalkMap(walk, tree, record, bitmaps);
}

}  // namespace holdfast
