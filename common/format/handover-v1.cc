// SPDX-License-Identifier: BSD-2-Clause
// Our own handover: the device tree holdfast,handover-v1.

#include "common/format/handover-v1.h"

#include <algorithm>

#include "common/abi/handover-fdt.h"
#include "common/base/byte-reader.h"
#include "common/format/handover-v1-layout.h"
#include "common/format/kept-collector.h"
#include "common/format/range-list.h"

namespace holdfast {
namespace {

using namespace handover_fdt;
using namespace handover_v1;

// Replaces `value` by what the property's word means; an absent one leaves it.
template <typename T, std::size_t N>
Status ReadWord(const FdtView& tree, FdtNode node, const char* name, const std::array<Word<T>, N>& words, T& value) {
  TRY(tree.OnlyProperty(node, name));
  TRY_ASSIGN(const auto text, tree.String(node, name));
  if (!text) {
    return kDone;
  }
  const auto known = ValueOf(words, *text);
  if (!known) {
    return Error{Errc::kMalformed, tree.WhereOf(node, name)};
  }
  value = *known;
  return kDone;
}

// The node's `ranges`: at least one whole pair.
Result<std::span<const std::byte>> RangesOf(const FdtView& tree, FdtNode node) {
  TRY(tree.OnlyProperty(node, kPropRanges));
  const auto ranges = tree.Property(node, kPropRanges);
  if (!ranges || ranges->empty() || ranges->size() % sizeof(StoredRange) != 0) {
    return Error{Errc::kMalformed, tree.WhereOf(node, kPropRanges)};
  }
  return *ranges;
}

// Calls `add` with each of `ranges`, which are the node's.
template <typename Add>
Status ForEachRange(const FdtView& tree, FdtNode node, std::span<const std::byte> ranges, Add add) {
  for (ByteReader reader(ranges); !reader.done();) {
    const std::size_t at = reader.position();
    TRY_ASSIGN(const StoredRange stored, reader.Read<StoredRange>());
    TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(PhysAddr(stored.start.value()), stored.size.value()));
    if (range.empty()) {
      return Error{Errc::kMalformed, tree.WhereOf(node, kPropRanges) + at};
    }
    TRY(add(range));
  }
  return kDone;
}

// The root's child of that name, nullopt when there is none.
Result<std::optional<FdtNode>> RoomOf(const FdtView& tree, const char* name) {
  TRY(tree.OnlyChild(tree.root(), name));
  return tree.Child(tree.root(), name);
}

Status DecodePolicy(const FdtView& tree, Policy& out) {
  TRY_ASSIGN(const auto node, RoomOf(tree, kNodePolicy));
  if (!node) {
    return kDone;
  }
  TRY(ReadWord(tree, *node, kPropOnRefusal, kOnRefusals, out.on_refusal));
  TRY(ReadWord(tree, *node, kPropKaslr, kSwitches, out.kaslr));
  TRY(ReadWord(tree, *node, kPropMode, kModes, out.mode));
  TRY(ReadWord(tree, *node, kPropOnLoss, kOnLosses, out.on_loss));
  TRY(ReadWord(tree, *node, kPropOverwrite, kOverwriteRequests, out.overwrite_request));
  TRY(ReadWord(tree, *node, kPropForeignFence, kForeignFences, out.foreign_fence));
  TRY(tree.OnlyProperty(*node, kPropRefusalDelay));
  TRY_ASSIGN(const auto delay, tree.U32(*node, kPropRefusalDelay));
  if (delay && *delay > kMaxRefusalDelay) {
    return Error{Errc::kMalformed, tree.WhereOf(*node, kPropRefusalDelay)};
  }
  out.refusal_delay_seconds = delay.value_or(out.refusal_delay_seconds);
  return kDone;
}

// Without `out` the ranges are only checked.
Status DecodeRangeSet(const FdtView& tree, const char* name, RangeSet* out) {
  TRY_ASSIGN(const auto node, RoomOf(tree, name));
  if (!node) {
    return kDone;
  }
  TRY_ASSIGN(const auto ranges, RangesOf(tree, *node));
  return ForEachRange(tree, *node, ranges,
                      [&](PhysRange range) { return out == nullptr ? Status(kDone) : out->Add(range); });
}

// The node's `range-list`, which is not looked at yet.
Result<RangeListPlace> ListPlaceOf(const FdtView& tree, FdtNode node) {
  TRY(tree.OnlyProperty(node, kPropRangeList));
  const auto stored = tree.Property(node, kPropRangeList);
  if (stored->size() != sizeof(StoredListPlace) || tree.Property(node, kPropRanges)) {
    return Error{Errc::kMalformed, tree.WhereOf(node, kPropRangeList)};
  }
  TRY_ASSIGN(const auto place, ByteReader(*stored).Read<StoredListPlace>());
  TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(PhysAddr(place.start.value()), place.size.value()));
  if (range.empty()) {
    return Error{Errc::kMalformed, tree.WhereOf(node, kPropRangeList)};
  }
  return RangeListPlace{.range = range, .digest = place.digest};
}

// The place of an error of DecodeRangeList, as an address.
Error InMemory(Error error, const RangeListPlace& list) {
  const bool is_offset = error.code == Errc::kTruncated || error.code == Errc::kBadMagic ||
                         error.code == Errc::kMalformed || error.code == Errc::kOutOfBounds;
  return is_offset ? Error{error.code, list.range.start().raw() + error.where} : error;
}

// Keeps what the list says under the name that `like` has, and the list itself.
Status KeepList(const RangeListPlace& list, const KeptRange& like, const ListReader& reader, PreservedMap& out) {
  if (list.range.size() > kMaxRangeListSize) {
    return Error{Errc::kTooLarge, kMaxRangeListSize};
  }
  TRY_ASSIGN(const auto bytes, reader.memory.View(list.range));
  if (Sha256::Of(bytes, reader.blocks) != list.digest) {
    return Error{Errc::kBadDigest, list.range.start().raw()};
  }
  TRY(out.Add({.range = list.range, .node = like.node, .source = like.source, .kind = KeptKind::kStructure}));
  // A list leaves nothing open, so no map is asked.
  const MemoryMap no_memory{std::span<MemEntry>()};
  const RangeSet no_scratch{std::span<PhysRange>()};
  KeptCollector collector(out, like.source, like.fence, no_memory, no_scratch, like.node);
  if (const Status decoded = DecodeRangeList(bytes, collector.sink()); !decoded.ok()) {
    return InMemory(decoded.error(), list);
  }
  return collector.Flush();
}

Status DecodePreserved(const FdtView& tree, std::uint8_t source, const ListReader& reader, const TreeTrust& trust,
                       PreservedMap& out) {
  TRY_ASSIGN(const auto preserved, RoomOf(tree, kNodePreserved));
  if (!preserved) {
    return kDone;
  }
  std::size_t names = 0;
  for (auto node = tree.FirstChild(*preserved); node; node = tree.NextSibling(*node)) {
    if (++names > kMaxPreservedNames) {
      return Error{Errc::kTableFull, kMaxPreservedNames};
    }
    PreservedNode kept;
    TRY(DecodePreservedNode(tree, *node, kept));
    // The name ends with a NUL in the tree.
    if (tree.Child(*preserved, kept.name.data())->offset() != node->offset()) {
      return Error{Errc::kMalformed, tree.WhereOf(*node)};
    }
    const LostName name{source, static_cast<std::uint32_t>(node->offset())};
    const bool is_lost = std::find(trust.lost.begin(), trust.lost.end(), name) != trust.lost.end();
    KeptRange each{
        .range = {}, .node = name.node, .source = source, .fence = trust.is_outside ? Fence::kReserved : kept.fence};
    if (kept.range_list && !is_lost) {
      TRY(KeepList(*kept.range_list, each, reader, out));
    }
    TRY(ForEachRange(tree, *node, kept.ranges, [&](PhysRange range) {
      each.range = range;
      return is_lost ? Status(kDone) : out.Add(each);
    }));
  }
  return kDone;
}

}  // namespace

ListReader NoLists() {
  return {.memory = PhysMemory([](const void*, PhysRange) -> const std::byte* { return nullptr; }, nullptr)};
}

std::optional<Fence> FenceFromName(std::string_view name) { return ValueOf(kFences, name); }

Status DecodeHandoverV1(const FdtView& tree, std::uint8_t source, const ListReader& reader, Handover& out,
                        const TreeTrust& trust) {
  if (tree.bytes().size() > kMaxHandoverSize) {
    return Error{Errc::kOutOfBounds, tree.bytes().size()};
  }
  const FdtNode root = tree.root();
  TRY(tree.OnlyProperty(root, kPropCompatible));
  if (!tree.IsCompatible(root, kCompatible)) {
    return Error{Errc::kUnknownCompatible, tree.WhereOf(root, kPropCompatible)};
  }
  TRY(tree.OnlyProperty(root, kPropGeneration));
  TRY_ASSIGN(const auto generation, tree.U32(root, kPropGeneration));
  TRY(tree.OnlyProperty(root, kPropCreatedBy));
  TRY(tree.String(root, kPropCreatedBy));

  Policy policy;
  TRY(DecodePolicy(tree, policy));
  TRY(DecodePreserved(tree, source, reader, trust, out.kept));
  TRY(DecodeRangeSet(tree, kNodeScratch, &out.scratch));

  out.dialect.Add(kDialectHoldfast);
  if (trust.is_outside) {
    return kDone;
  }
  out.generation = std::max(out.generation, generation.value_or(0));
  TRY(DecodeRangeSet(tree, kNodeRam, &out.ram));
  TRY(DecodeRangeSet(tree, kNodeReleased, out.released));
  if (!out.has_policy) {
    out.policy = policy;
    out.has_policy = true;
  }
  out.policy.kaslr = out.policy.kaslr && policy.kaslr;
  return kDone;
}

Status ForEachRangeList(const FdtView& tree, const BlockSink& sink) {
  const auto preserved = tree.Child(tree.root(), kNodePreserved);
  if (!preserved) {
    return kDone;
  }
  std::size_t names = 0;
  for (auto node = tree.FirstChild(*preserved); node && names < kMaxPreservedNames; node = tree.NextSibling(*node)) {
    ++names;
    PreservedNode kept;
    if (!DecodePreservedNode(tree, *node, kept).ok()) {
      break;
    }
    if (kept.range_list) {
      TRY(sink.Add({.range = kept.range_list->range, .kind = KeptKind::kStructure}));
    }
  }
  return kDone;
}

Status DecodePreservedNode(const FdtView& tree, FdtNode node, PreservedNode& out) {
  out = {};
  out.name = tree.Name(node);
  if (!IsPathComponent(out.name)) {
    return Error{Errc::kMalformed, tree.WhereOf(node)};
  }
  TRY(ReadWord(tree, node, kPropFence, kFences, out.fence));
  TRY(tree.OnlyProperty(node, kPropOwner));
  TRY_ASSIGN(const auto owner, tree.String(node, kPropOwner));
  out.owner = owner.value_or(std::string_view());
  TRY(tree.OnlyProperty(node, kPropSha256));
  out.sha256 = tree.Property(node, kPropSha256);
  if (out.sha256 && out.sha256->size() != sizeof(Digest)) {
    return Error{Errc::kMalformed, tree.WhereOf(node, kPropSha256)};
  }
  if (tree.Property(node, kPropRangeList)) {
    TRY_ASSIGN(out.range_list, ListPlaceOf(tree, node));
    return kDone;
  }
  TRY_ASSIGN(out.ranges, RangesOf(tree, node));
  return kDone;
}

std::string_view KeptName(const FdtView& tree, const KeptRange& kept) {
  const auto node = tree.At(kept.node);
  return node ? tree.Name(*node) : std::string_view();
}

}  // namespace holdfast
