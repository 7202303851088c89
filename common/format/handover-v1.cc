// SPDX-License-Identifier: BSD-2-Clause
// Our own handover: the device tree holdfast,handover-v1.

#include "common/format/handover-v1.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/abi/handover-fdt.h"
#include "common/base/byte-reader.h"
#include "common/base/stored-int.h"

namespace holdfast {
namespace {

using namespace handover_fdt;

// One element of `ranges`.
struct StoredRange {
  Be64 start;
  Be64 size;
};
static_assert(sizeof(StoredRange) == 16);

template <typename T>
struct Word {
  std::string_view text;
  T value;
};
constexpr std::array kFences = {Word<Fence>{"reserved", Fence::kReserved}, Word<Fence>{"held", Fence::kHeld},
                                Word<Fence>{"pmem", Fence::kPmem}, Word<Fence>{"pram", Fence::kPram}};
constexpr std::array kOnRefusals = {Word<OnRefusal>{"reset", OnRefusal::kReset},
                                    Word<OnRefusal>{"halt", OnRefusal::kHalt}};
constexpr std::array kModes = {Word<ModeWish>{"auto", ModeWish::kAuto}, Word<ModeWish>{"fence", ModeWish::kFence},
                               Word<ModeWish>{"native", ModeWish::kNative}};
// Other dialects name no ranges that a device could be made of.
constexpr std::array kForeignFences = {Word<Fence>{"reserved", Fence::kReserved}, Word<Fence>{"held", Fence::kHeld}};
constexpr std::array kSwitches = {Word<bool>{"on", true}, Word<bool>{"off", false}};

template <typename T, std::size_t N>
std::optional<T> ValueOf(const std::array<Word<T>, N>& words, std::string_view text) {
  for (const Word<T>& word : words) {
    if (word.text == text) {
      return word.value;
    }
  }
  return std::nullopt;
}

template <typename T, std::size_t N>
std::string_view TextOf(const std::array<Word<T>, N>& words, T value) {
  for (const Word<T>& word : words) {
    if (word.value == value) {
      return word.text;
    }
  }
  Bug();
}

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

bool IsPathComponent(std::string_view name) {
  constexpr std::string_view kAllowed = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz,._+-";
  return !name.empty() && name.size() <= 31 && name.find_first_not_of(kAllowed) == std::string_view::npos;
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
  TRY(ReadWord(tree, *node, kPropForeignFence, kForeignFences, out.foreign_fence));
  TRY(tree.OnlyProperty(*node, kPropRefusalDelay));
  TRY_ASSIGN(const auto delay, tree.U32(*node, kPropRefusalDelay));
  if (delay && *delay > kMaxRefusalDelay) {
    return Error{Errc::kMalformed, tree.WhereOf(*node, kPropRefusalDelay)};
  }
  out.refusal_delay_seconds = delay.value_or(out.refusal_delay_seconds);
  return kDone;
}

Status DecodeRangeSet(const FdtView& tree, const char* name, RangeSet& out) {
  TRY_ASSIGN(const auto node, RoomOf(tree, name));
  if (!node) {
    return kDone;
  }
  TRY_ASSIGN(const auto ranges, RangesOf(tree, *node));
  return ForEachRange(tree, *node, ranges, [&](PhysRange range) { return out.Add(range); });
}

Status DecodePreserved(const FdtView& tree, std::uint8_t source, PreservedMap& out) {
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
    const auto offset = static_cast<std::uint32_t>(node->offset());
    TRY(ForEachRange(tree, *node, kept.ranges, [&](PhysRange range) {
      return out.Add({.range = range, .node = offset, .source = source, .fence = kept.fence});
    }));
  }
  return kDone;
}

}  // namespace

std::optional<Fence> FenceFromName(std::string_view name) { return ValueOf(kFences, name); }

Status DecodeHandoverV1(const FdtView& tree, std::uint8_t source, Handover& out) {
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
  TRY(DecodePreserved(tree, source, out.kept));
  TRY(DecodeRangeSet(tree, kNodeScratch, out.scratch));
  TRY(DecodeRangeSet(tree, kNodeRam, out.ram));

  out.dialect.Add(kDialectHoldfast);
  if (!out.has_policy) {
    out.policy = policy;
    out.has_policy = true;
  }
  out.policy.kaslr = out.policy.kaslr && policy.kaslr;
  out.generation = std::max(out.generation, generation.value_or(0));
  return kDone;
}

Status DecodePreservedNode(const FdtView& tree, FdtNode node, PreservedNode& out) {
  out = {};
  out.name = tree.Name(node);
  if (!IsPathComponent(out.name)) {
    return Error{Errc::kMalformed, tree.WhereOf(node)};
  }
  if (tree.Property(node, kPropRangeList)) {
    return Error{Errc::kUnsupported, tree.WhereOf(node, kPropRangeList)};
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
  TRY_ASSIGN(out.ranges, RangesOf(tree, node));
  return kDone;
}

std::string_view KeptName(const FdtView& tree, const KeptRange& kept) {
  const auto node = tree.At(kept.node);
  return node ? tree.Name(*node) : std::string_view();
}

// --- The other way round ---

namespace {

Status CheckRanges(std::span<const PhysRange> ranges, std::size_t index) {
  if (std::any_of(ranges.begin(), ranges.end(), [](PhysRange range) { return range.empty(); })) {
    return Error{Errc::kMalformed, index};
  }
  return kDone;
}

Status CheckEncodable(const HandoverV1& handover) {
  const auto preserved = handover.preserved;
  if (handover.policy.refusal_delay_seconds > kMaxRefusalDelay) {
    return Error{Errc::kMalformed, handover.policy.refusal_delay_seconds};
  }
  if (handover.policy.foreign_fence != Fence::kReserved && handover.policy.foreign_fence != Fence::kHeld) {
    return Error{Errc::kMalformed, static_cast<std::uint64_t>(handover.policy.foreign_fence)};
  }
  if (preserved.size() > kMaxPreservedNames) {
    return Error{Errc::kTableFull, kMaxPreservedNames};
  }
  for (std::size_t i = 0; i < preserved.size(); ++i) {
    const auto before = preserved.first(i);
    const bool stands_twice = std::any_of(before.begin(), before.end(),
                                          [&](const HandoverV1Node& node) { return node.name == preserved[i].name; });
    const bool owner_has_nul = preserved[i].owner.find('\0') != std::string_view::npos;
    if (!IsPathComponent(preserved[i].name) || stands_twice || owner_has_nul || preserved[i].ranges.empty()) {
      return Error{Errc::kMalformed, i};
    }
    TRY(CheckRanges(preserved[i].ranges, i));
  }
  TRY(CheckRanges(handover.scratch, preserved.size()));
  return CheckRanges(handover.ram, preserved.size());
}

void WriteRanges(FdtWriter& writer, std::span<const PhysRange> ranges) {
  auto space = writer.Space(kPropRanges, ranges.size() * sizeof(StoredRange));
  if (space.empty()) {
    return;
  }
  for (const PhysRange& range : ranges) {
    const StoredRange stored = {Be64(range.start().raw()), Be64(range.size())};
    std::memcpy(space.data(), &stored, sizeof(stored));
    space = space.subspan(sizeof(stored));
  }
}

void WriteRoom(FdtWriter& writer, const char* name, std::span<const PhysRange> ranges) {
  if (!ranges.empty()) {
    writer.BeginNode(name);
    WriteRanges(writer, ranges);
    writer.EndNode();
  }
}

void WritePolicy(FdtWriter& writer, const Policy& policy) {
  writer.BeginNode(kNodePolicy);
  writer.String(kPropOnRefusal, TextOf(kOnRefusals, policy.on_refusal));
  writer.U32(kPropRefusalDelay, policy.refusal_delay_seconds);
  writer.String(kPropKaslr, TextOf(kSwitches, policy.kaslr));
  if (policy.mode != ModeWish::kAuto) {
    writer.String(kPropMode, TextOf(kModes, policy.mode));
  }
  if (policy.foreign_fence != Fence::kReserved) {
    writer.String(kPropForeignFence, TextOf(kForeignFences, policy.foreign_fence));
  }
  writer.EndNode();
}

void WritePreserved(FdtWriter& writer, std::span<const HandoverV1Node> nodes) {
  writer.BeginNode(kNodePreserved);
  for (const HandoverV1Node& node : nodes) {
    writer.BeginNode(node.name);
    writer.String(kPropFence, TextOf(kFences, node.fence));
    if (!node.owner.empty()) {
      writer.String(kPropOwner, node.owner);
    }
    if (node.sha256) {
      writer.Bytes(kPropSha256, *node.sha256);
    }
    WriteRanges(writer, node.ranges);
    writer.EndNode();
  }
  writer.EndNode();
}

}  // namespace

Result<std::span<const std::byte>> EncodeHandoverV1(const HandoverV1& handover, std::span<std::byte> storage) {
  TRY(CheckEncodable(handover));
  FdtWriter writer(storage.first(std::min<std::size_t>(storage.size(), kMaxHandoverSize)));
  writer.BeginNode("");
  writer.String(kPropCompatible, kCompatible);
  writer.U32(kPropGeneration, handover.generation);
  if (!handover.created_by.empty()) {
    writer.String(kPropCreatedBy, handover.created_by);
  }
  WritePolicy(writer, handover.policy);
  WritePreserved(writer, handover.preserved);
  WriteRoom(writer, kNodeScratch, handover.scratch);
  WriteRoom(writer, kNodeRam, handover.ram);
  writer.EndNode();
  return writer.Finish();
}

}  // namespace holdfast
