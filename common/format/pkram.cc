// SPDX-License-Identifier: BSD-2-Clause
// PKRAM: the super block, and the list of regions of 2021 and 2023.

#include "common/format/pkram.h"

#include <algorithm>

#include "common/abi/pkram.h"
#include "common/format/command-line.h"
#include "common/format/pkram-page-table.h"
#include "common/mem/phys-read.h"

namespace holdfast {
namespace {

constexpr std::size_t kRegionsOffset = offsetof(PkramRegionPage, regions);
constexpr std::size_t kRegionsPerPage = std::tuple_size_v<decltype(PkramRegionPage::regions)>;
constexpr std::size_t kCountOffset = offsetof(PkramListSuperBlock, nr_regions);

// The form of 2020 has no magic, but nothing behind its two fields.
Status CheckRestIsZero(const StoredPage& page) {
  const auto rest = page.Bytes(sizeof(PkramTableSuperBlock), kPageSize - sizeof(PkramTableSuperBlock));
  const auto stray = std::find_if(rest.begin(), rest.end(), [](std::byte byte) { return byte != std::byte{0}; });
  if (stray == rest.end()) {
    return kDone;
  }
  return Error{Errc::kMalformed,
               page.WhereOf(sizeof(PkramTableSuperBlock) + static_cast<std::uint64_t>(stray - rest.begin()))};
}

Status AddStructure(const BlockSink& sink, PhysRange page, PkramFacts& facts) {
  ++facts.num_structures;
  return sink.Add({.range = page, .kind = KeptKind::kStructure});
}

// A page without regions ends the list too, so every page that goes on has some, and a list that comes back to one does
// not ascend.
class RegionList {
 public:
  RegionList(const PkramSuperBlock& super, const PhysMemory& memory, const BlockSink& sink, PkramFacts& facts)
      : super_(super), memory_(memory), sink_(sink), facts_(facts) {}

  Status Walk() {
    PhysAddr at = super_.root;
    while (at != PhysAddr(0) && !ended_) {
      if (at == super_.at) {
        return Error{Errc::kCycle, at.raw()};
      }
      if (facts_.num_structures == kMaxPkramStructures) {
        return Error{Errc::kTooLarge, kMaxPkramStructures * kPageSize};
      }
      TRY_ASSIGN(const StoredPage page, StoredPage::At(memory_, at));
      TRY(AddStructure(sink_, page.range(), facts_));
      TRY(TakePage(page));
      at = AddressOfPfn(page.U64(offsetof(PkramRegionPage, next_pfn)));
    }
    return seen_ == super_.num_regions ? Status(kDone)
                                       : Status(Error{Errc::kMalformed, super_.at.raw() + kCountOffset});
  }

 private:
  Status TakePage(const StoredPage& page) {
    for (std::size_t i = 0; i < kRegionsPerPage; ++i) {
      const std::size_t offset = kRegionsOffset + i * sizeof(PkramRegion);
      const auto region = page.Get<PkramRegion>(offset);
      // What stands behind as many regions as were counted is left from another list: nobody zeroes these pages.
      if (region.size.value() == 0 || seen_ == super_.num_regions) {
        ended_ = true;
        return kDone;
      }
      TRY(TakeRegion(region, page.WhereOf(offset)));
    }
    return kDone;
  }

  Status TakeRegion(const PkramRegion& region, std::uint64_t where) {
    const PhysAddr base(region.base.value());
    if (!IsAligned(base.raw(), kPageSize) || !IsAligned(region.size.value(), kPageSize)) {
      return Error{Errc::kMisaligned, where};
    }
    TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(base, region.size.value()));
    if (range.start() < covered_) {
      return Error{Errc::kMalformed, where};
    }
    covered_ = range.end();
    ++seen_;
    return sink_.Add({.range = range});
  }

  const PkramSuperBlock& super_;
  const PhysMemory& memory_;
  const BlockSink& sink_;
  PkramFacts& facts_;
  std::uint64_t seen_ = 0;
  PhysAddr covered_;
  bool ended_ = false;
};

Status DecodeRegionList(const PkramSuperBlock& super, const PhysMemory& memory, const BlockSink& sink,
                        PkramFacts& out) {
  return RegionList(super, memory, sink, out).Walk();
}

}  // namespace

Result<std::optional<PhysAddr>> FindPkramOption(std::string_view line) {
  const auto option = FindLastOption(line, kPkramOption);
  if (!option) {
    return std::optional<PhysAddr>();
  }
  const auto pfn = ParseHexadecimal(option->value);
  if (!pfn || *pfn >= kPhysLimit / kPageSize) {
    return Error{Errc::kMalformed, option->offset};
  }
  if (*pfn == 0) {
    return std::optional<PhysAddr>();
  }
  return std::optional(AddressOfPfn(*pfn));
}

Result<PkramSuperBlock> ReadPkramSuperBlock(PhysAddr at, const PhysMemory& memory) {
  TRY_ASSIGN(const StoredPage page, StoredPage::At(memory, at));
  const auto list = page.Get<PkramListSuperBlock>(0);
  // 2020 would have its first node at 7 TiB to look like that, and nothing behind.
  const bool has_magic = list.magic.value() == kPkramMagic && list.pad.value() == 0;
  if (has_magic && (list.region_list_pfn.value() != 0 || list.nr_regions.value() != 0 || list.node_pfn.value() == 0)) {
    return PkramSuperBlock{.at = at,
                           .form = PkramForm::kRegionList,
                           .first_node = AddressOfPfn(list.node_pfn.value()),
                           .root = AddressOfPfn(list.region_list_pfn.value()),
                           .num_regions = list.nr_regions.value()};
  }
  TRY(CheckRestIsZero(page));
  const auto table = page.Get<PkramTableSuperBlock>(0);
  return PkramSuperBlock{.at = at,
                         .form = PkramForm::kPageTable,
                         .first_node = AddressOfPfn(table.node_pfn.value()),
                         .root = AddressOfPfn(table.pgd_pfn.value())};
}

Status DecodePkram(PhysAddr super_block, int levels, const PhysMemory& memory, const BlockSink& sink, PkramFacts& out) {
  TRY_ASSIGN(const PkramSuperBlock super, ReadPkramSuperBlock(super_block, memory));
  out = PkramFacts{.form = super.form, .first_node = super.first_node};
  // What was saved is kept by nobody without a root.
  if (super.root == PhysAddr(0) && super.first_node != PhysAddr(0)) {
    const std::size_t field = super.form == PkramForm::kRegionList ? offsetof(PkramListSuperBlock, region_list_pfn)
                                                                   : offsetof(PkramTableSuperBlock, pgd_pfn);
    return Error{Errc::kMalformed, super_block.raw() + field};
  }
  if (super.first_node >= PhysAddr(kPhysLimit)) {
    return Error{Errc::kOutOfBounds, super.first_node.raw()};
  }
  TRY_ASSIGN(const PhysRange page, PhysRange::FromStartSize(super_block, kPageSize));
  TRY(AddStructure(sink, page, out));
  if (super.form == PkramForm::kRegionList) {
    return DecodeRegionList(super, memory, sink, out);
  }
  return super.root == PhysAddr(0) ? Status(kDone) : DecodePkramPageTable(super, levels, memory, sink, out);
}

}  // namespace holdfast
