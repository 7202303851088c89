// SPDX-License-Identifier: BSD-2-Clause
// From the handovers that were found to the one that is decided upon.

#include "common/format/read-handovers.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/abi/kho.h"
#include "common/format/kept-collector.h"
#include "common/format/pkram.h"
#include "common/format/range-list.h"

namespace holdfast {
namespace {

constexpr std::string_view kStructureSuffix = " structure";
constexpr std::array<std::string_view, 9> kStructureNames = {
    "kho-series structure", "kho-v1 structure",    "kho-v2 structure",        "kho-v3 structure", "kho-v4 structure",
    "prmem structure",      "pkram-pgt structure", "pkram-regions structure", "pmpool structure"};

std::string_view StructureName(std::string_view dialect) {
  for (const std::string_view name : kStructureNames) {
    if (name.size() == dialect.size() + kStructureSuffix.size() && name.starts_with(dialect)) {
      return name;
    }
  }
  return dialect;
}

std::string_view NameOf(const FoundHandovers& found, const KeptRange& kept) {
  if (kept.source >= found.size()) {
    return {};
  }
  const FoundHandover& handover = found[kept.source];
  if (handover.tree) {
    return KeptName(*handover.tree, kept);
  }
  return kept.kind == KeptKind::kStructure ? StructureName(handover.dialect) : handover.dialect;
}

// One handover's way into `out`.
class Reader {
 public:
  Reader(const HandoverReading& in, std::uint8_t source, FoundHandover& found, Handover& out, Problem& problem)
      : in_(in),
        source_(source),
        found_(found),
        out_(out),
        problem_(problem),
        kept_(out.kept, source, found.is_outside ? Fence::kReserved : out.policy.foreign_fence, in.map,
              found.carrier == Carrier::kKhoNode ? in.native_scratch : no_scratch_) {}

  Status Read() {
    problem_ = {.what = CarrierName(found_.carrier), .range = found_.at};
    const Status read = ReadCarrier();
    if (!read.ok()) {
      problem_.code = read.error().code;
      problem_.where = read.error().where;
      // An offset lies in what is read as a whole; other handovers are walks from address to address.
      const bool has_offsets = found_.carrier == Carrier::kTree || found_.carrier == Carrier::kKhoNode ||
                               found_.carrier == Carrier::kDeviceTree;
      problem_.is_address = !has_offsets || problem_.where > problem_.range.size();
    }
    return read;
  }

 private:
  Status ReadCarrier() {
    if (found_.is_fenced) {
      return kDone;
    }
    switch (found_.carrier) {
      case Carrier::kTree:
        return ReadTree();
      case Carrier::kKhoNode:
        return ReadKho();
      case Carrier::kDeviceTree:
        return ReadDeviceTree();
      case Carrier::kPkram:
        return ReadPkram();
      case Carrier::kPmpool:
        return ReadMarkedPool();
      case Carrier::kPrmem:
        return ReadPrmem();
    }
    Bug();
  }

  Status ReadTree() {
    if (found_.at.size() > kMaxHandoverSize) {
      return Error{Errc::kOutOfBounds, kMaxHandoverSize};
    }
    TRY_ASSIGN(const auto bytes, in_.memory.View(found_.at));
    if (Sha256::Of(bytes, in_.blocks) != found_.digest) {
      return Error{Errc::kBadDigest, found_.at.start().raw()};
    }
    TRY_ASSIGN(found_.tree, FdtView::Open(bytes));
    found_.dialect = kDialectHoldfast;
    return DecodeHandoverV1(*found_.tree, source_, {.memory = in_.memory, .blocks = in_.blocks}, out_,
                            {.is_outside = found_.is_outside, .lost = in_.lost});
  }

  Status ReadKho() {
    TRY_ASSIGN(const auto payload, in_.memory.View(found_.at));
    TRY_ASSIGN(const KhoRecord record, DecodeKhoRecord(payload));
    problem_.range = record.fdt;
    if (HandsNothingOver(record, in_.memory)) {
      found_.is_unfinished = true;
      return kDone;
    }
    KhoFacts facts;
    const Status decoded = DecodeKho(record, found_.bitmaps, in_.memory, in_.native_scratch, kept_.sink(), facts);
    if (!decoded.ok() && decoded.error().code == Errc::kUnknownCompatible) {
      problem_.what = CompatibleOf(record.fdt);
    }
    TRY(decoded);
    const bool is_ambiguous =
        facts.dialect != KhoDialect::kV2 && facts.dialect != KhoDialect::kV3 && facts.dialect != KhoDialect::kV4;
    if (!found_.is_outside) {
      out_.native = NativeHandover{.source = source_,
                                   .compatible = facts.compatible,
                                   .is_ambiguous = is_ambiguous,
                                   .scratch = in_.native_scratch.view()};
    }
    return Finish(KhoDialectName(facts.dialect));
  }

  // A version that is not known is refused by its name.
  std::string_view CompatibleOf(PhysRange fdt) const {
    const auto bytes = in_.memory.View(fdt);
    const auto tree = bytes.ok() ? FdtView::Open(bytes.value()) : Result<FdtView>(bytes.error());
    const auto name = tree.ok() ? tree.value().String(tree.value().root(), kho_fdt::kPropCompatible)
                                : Result<std::optional<std::string_view>>(tree.error());
    return name.ok() ? name.value().value_or(problem_.what) : problem_.what;
  }

  // What there is to read of a device tree, where it can be read.
  Result<std::span<const std::byte>> DeviceTreeBytes() {
    TRY_ASSIGN(const auto bytes, in_.memory.View(found_.at));
    if (IsAligned(reinterpret_cast<std::uintptr_t>(bytes.data()), 8)) {
      return bytes;
    }
    if (bytes.size() > in_.aligned.size()) {
      return Error{Errc::kTooLarge, in_.aligned.size()};
    }
    std::memcpy(in_.aligned.data(), bytes.data(), bytes.size());
    return std::span<const std::byte>(in_.aligned.first(bytes.size()));
  }

  // Any loader may pass a tree, and Linux warns of one that it cannot read and goes on.
  Status ReadDeviceTree() {
    const auto bytes = DeviceTreeBytes();
    if (!bytes.ok()) {
      return found_.has_pool_option ? Status(bytes.error()) : Status(kDone);
    }
    const auto tree = FdtView::Open(bytes.value());
    if (!tree.ok()) {
      return kDone;
    }
    TRY_ASSIGN(const auto pool, DecodePmpoolNode(tree.value()));
    if (!pool) {
      return kDone;
    }
    if (IsFenced(pool->pool, in_.map)) {
      found_.carrier = Carrier::kPmpool;
      found_.at = pool->pool;
      found_.is_fenced = true;
      return kDone;
    }
    return ReadPool(*pool);
  }

  Status ReadMarkedPool() {
    const auto pool = FindMarkedPmpool(found_.at, in_.map);
    return pool ? ReadPool(*pool) : Status(Error{Errc::kUnreadable, found_.at.start().raw()});
  }

  Status ReadPool(const Pmpool& pool) {
    TRY(DecodePmpoolWhole(pool, in_.memory, kept_.sink()));
    return Finish(kDialectPmpool);
  }

  Status ReadPkram() {
    PkramFacts facts;
    TRY(DecodePkram(found_.at.start(), in_.page_table_levels, in_.memory, kept_.sink(), facts));
    return Finish(facts.form == PkramForm::kPageTable ? kDialectPkramPageTable : kDialectPkramRegions);
  }

  Status ReadPrmem() {
    PrmemFacts facts;
    TRY(DecodePrmem(found_.prmem, in_.memory, kept_.sink(), facts));
    return Finish(kDialectPrmem);
  }

  Status Finish(std::string_view dialect) {
    found_.dialect = dialect;
    out_.dialect.Add(dialect);
    return kept_.Flush();
  }

  const HandoverReading& in_;
  std::uint8_t source_;
  FoundHandover& found_;
  Handover& out_;
  Problem& problem_;
  RangeSet no_scratch_{std::span<PhysRange>()};  // KHO's areas are of no concern to others
  KeptCollector kept_;
};

// Passes on what the shell has not made readable with RAM.
struct ListFilter {
  const MemoryMap& map;
  const BlockSink& sink;

  static Status Add(void* self, const KeptBlock& block) {
    const auto& filter = *static_cast<const ListFilter*>(self);
    const PhysRange pages = block.range.RoundedOut(kPageSize);
    if (block.range.size() > kMaxRangeListSize || filter.map.FirstNot(pages, MayHoldHandover) ||
        !filter.map.FirstNot(pages, IsRam)) {
      return kDone;
    }
    return filter.sink.Add({.range = pages, .kind = block.kind});
  }
};

}  // namespace

Status FindFencedLists(const FoundHandovers& found, const PhysMemory& memory, const MemoryMap& map,
                       const BlockSink& sink) {
  ListFilter filter{map, sink};
  for (const FoundHandover& handover : found) {
    if (handover.carrier != Carrier::kTree || handover.at.size() > kMaxHandoverSize) {
      continue;
    }
    const auto bytes = memory.View(handover.at);
    const auto tree = bytes.ok() ? FdtView::Open(bytes.value()) : Result<FdtView>(bytes.error());
    if (tree.ok()) {
      TRY(ForEachRangeList(tree.value(), BlockSink(&ListFilter::Add, &filter)));
    }
  }
  return kDone;
}

Status ReadHandovers(const HandoverReading& in, FoundHandovers& found, Handover& out, Problem& problem) {
  for (std::size_t i = 0; i < found.size(); ++i) {
    TRY(Reader(in, static_cast<std::uint8_t>(i), found[i], out, problem).Read());
  }
  PreservedMap::Conflict conflict;
  const Status status = out.kept.Seal(&conflict);
  if (status.ok()) {
    return kDone;
  }
  if (status.error().code != Errc::kKeptOverlap) {
    problem = {.code = status.error().code, .where = status.error().where, .what = "kept ranges"};
    return status;
  }
  problem = {.code = status.error().code,
             .where = status.error().where,
             .range = conflict.first.range,
             .other = NameOf(found, conflict.second),
             .other_range = conflict.second.range,
             .kept = conflict.first};
  NameKept(found, problem);
  return status;
}

void NameKept(const FoundHandovers& found, Problem& problem) {
  if (problem.kept) {
    NameKept(problem, NameOf(found, *problem.kept));
  }
}

const FoundHandover* FirstTree(const FoundHandovers& found) {
  const auto* const tree =
      std::find_if(found.begin(), found.end(), [](const FoundHandover& handover) { return handover.tree.has_value(); });
  return tree != found.end() ? tree : nullptr;
}

}  // namespace holdfast
