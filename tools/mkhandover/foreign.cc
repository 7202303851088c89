// SPDX-License-Identifier: BSD-2-Clause
// A handover that another system wrote: what it keeps, and where to look further.

#include "tools/mkhandover/foreign.h"

#include <algorithm>
#include <cstring>

#include "common/abi/kho.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"
#include "tools/mkhandover/tree-names.h"

namespace holdfast::tool {
namespace {

// Where a tree and a scratch area are put that came without their places: no machine has memory up there.
constexpr PhysAddr kTreePlace(kPhysLimit - 64 * kMiB);
constexpr PhysAddr kScratchPlace(kPhysLimit - 32 * kMiB);
constexpr std::uint64_t kScratchPlaceSize = 2 * kMiB;

Status AddTo(void* blocks, const KeptBlock& block) {
  static_cast<std::vector<KeptBlock>*>(blocks)->push_back(block);
  return kDone;
}

BlockSink SinkOf(ForeignHandover& out) { return BlockSink(&AddTo, &out.blocks); }

void FailUnlessAt(const Status& status, const std::string& name) {
  if (!status.ok()) {
    FailToDecodeAt(name, status.error());
  }
}

// The tree's own words for what it is, which a refusal names.
std::string CompatibleAt(PhysRange tree, const PhysMemory& memory) {
  const auto bytes = memory.View(tree);
  const auto view = bytes.ok() ? FdtView::Open(bytes.value()) : Result<FdtView>(bytes.error());
  return view.ok() ? CompatibleText(view.value()) : std::string();
}

[[noreturn]] void FailToDecodeKho(const KhoRecord& record, const PhysMemory& memory, const std::string& name,
                                  Error error) {
  if (error.code == Errc::kUnknownCompatible) {
    throw Failure(error, Format("{}: {}: found \"{}\"; this version reads kho-v1 to kho-v4", name, ErrcName(error.code),
                                CompatibleAt(record.fdt, memory)));
  }
  FailToDecodeAt(name, error);
}

ForeignHandover ReadKho(const KhoRecord& record, const DialectWish& wish, const PhysMemory& memory,
                        const std::string& name) {
  ForeignHandover out;
  std::vector<PhysRange> storage(kMaxKhoScratch);
  RangeSet scratch(storage);
  KhoFacts facts;
  if (const Status status = DecodeKho(record, wish.bitmaps, memory, scratch, SinkOf(out), facts); !status.ok()) {
    FailToDecodeKho(record, memory, name, status.error());
  }
  const bool is_series = facts.dialect == KhoDialect::kSeriesMem || facts.dialect == KhoDialect::kSeriesMetadata;
  out.dialect = KhoDialectName(facts.dialect);
  out.compatible = facts.compatible;
  facts.compatible = {};
  out.is_ambiguous = is_series || facts.dialect == KhoDialect::kV1;
  out.scratch.assign(scratch.view().begin(), scratch.view().end());
  out.scratch_array = record.is_2023 ? PhysRange() : record.scratch;
  out.kho_tree = record.fdt;
  out.kho = facts;
  return out;
}

std::vector<std::byte> ArrayOf(const std::vector<PhysRange>& areas) {
  std::vector<std::byte> out;
  for (const PhysRange& area : areas) {
    const KhoArea stored{.addr = Le64(area.start().raw()), .size = Le64(area.size())};
    const auto bytes = std::as_bytes(std::span(&stored, 1));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

}  // namespace

ForeignHandover ReadKhoNode(std::span<const std::byte> payload, const DialectWish& wish, const PhysMemory& memory,
                            const std::string& name) {
  const auto record = DecodeKhoRecord(payload);
  if (!record.ok()) {
    FailToDecode(name, record.error());
  }
  return ReadKho(record.value(), wish, memory, name);
}

ForeignHandover ReadKhoTree(std::span<const std::byte> tree, const std::vector<PhysRange>& areas,
                            const DialectWish& wish, Overlay& memory, const std::string& name) {
  const PhysRange no_area = PhysRange::FromStartSize(kScratchPlace, kScratchPlaceSize).value();
  const std::vector<std::byte> array = ArrayOf(areas.empty() ? std::vector{no_area} : areas);
  const PhysAddr array_place = areas.empty() ? kScratchPlace : areas.front().start();
  KhoRecord record;
  record.fdt = memory.Put(kTreePlace, {tree.begin(), tree.end()});
  const PhysRange array_pages = memory.Put(array_place, array);
  record.scratch = PhysRange::FromStartSize(array_place, array.size()).value();
  ForeignHandover out = ReadKho(record, wish, memory.memory(), name);
  // What was put there is in no memory.
  std::erase_if(out.blocks, [&](const KeptBlock& block) {
    return record.fdt.Contains(block.range) ||
           (block.kind == KeptKind::kStructure && array_pages.Contains(block.range));
  });
  out.scratch = areas;
  out.scratch_array = {};
  return out;
}

ForeignHandover ReadPkram(PhysAddr super_block, const DialectWish& wish, const PhysMemory& memory,
                          const std::string& name) {
  ForeignHandover out;
  PkramFacts facts;
  if (const Status status = DecodePkram(super_block, wish.page_table_levels, memory, SinkOf(out), facts);
      !status.ok()) {
    if (status.error().code == Errc::kUnsupported && wish.page_table_levels == 0) {
      throw Failure(status.error(), Format("{}: {}: the handover does not say how deep its page tables are: add --as "
                                           "pkram-pgt4 or --as pkram-pgt5",
                                           name, ErrcName(Errc::kUnsupported)));
    }
    FailToDecodeAt(name, status.error());
  }
  out.dialect = facts.form == PkramForm::kPageTable ? kDialectPkramPageTable : kDialectPkramRegions;
  out.pkram_super_block = super_block;
  out.pkram = facts;
  return out;
}

ForeignHandover ReadPmpool(const Pmpool& pool, const PhysMemory& memory, const std::string& name) {
  ForeignHandover out;
  FailUnlessAt(DecodePmpool(pool, memory, SinkOf(out)), name);
  out.dialect = kDialectPmpool;
  out.pmpool = pool;
  return out;
}

ForeignHandover ReadPrmem(const PrmemOption& option, const PhysMemory& memory, const std::string& name) {
  ForeignHandover out;
  PrmemFacts facts;
  FailUnlessAt(DecodePrmem(option, memory, SinkOf(out), facts), name);
  out.dialect = kDialectPrmem;
  out.prmem_option = option;
  out.prmem = facts;
  return out;
}

ForeignHandover FromList(std::string_view dialect, std::span<const ListedRange> list, Fence fence) {
  ForeignHandover out;
  out.dialect = dialect;
  out.fence = fence;
  for (const ListedRange& each : list) {
    if (each.fence == fence) {
      out.blocks.push_back({.range = each.range.RoundedOut(kPageSize)});
    }
  }
  return out;
}

}  // namespace holdfast::tool
