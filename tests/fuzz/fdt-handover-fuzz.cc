// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a handover: a tree that opens is walked and decoded, and what decodes can be written again.  The bytes
// are memory as well, from kInputAt on, so that a range-list may lie in them.

#include <algorithm>
#include <array>
#include <vector>

#include "common/format/handover-v1.h"
#include "tests/fuzz/fuzz-input.h"

namespace holdfast {
namespace {

constexpr std::uint64_t kInputAt = 0x10000;

// A digest that is the same for all bytes: what is behind it is to be reached.
void NoBlocks(std::array<std::uint32_t, 8>&, const std::byte*, std::size_t) {}

const std::byte* ReadInput(const void* backing, PhysRange range) {
  const auto& bytes = *static_cast<const std::span<const std::byte>*>(backing);
  const PhysRange all = PhysRange::FromStartSize(PhysAddr(kInputAt), bytes.size()).value();
  return all.Contains(range) ? bytes.data() + (range.start().raw() - kInputAt) : nullptr;
}

struct Decoded {
  std::array<KeptRange, 256> kept_storage{};
  std::array<PhysRange, 256> scratch_storage{};
  std::array<PhysRange, 256> ram_storage{};
  std::array<PhysRange, 256> released_storage{};
  PreservedMap kept{kept_storage};
  RangeSet scratch{scratch_storage};
  RangeSet ram{ram_storage};
  RangeSet released{released_storage};
  Handover handover{kept, scratch, ram, &released};
};

void Walk(const FdtView& tree, FdtNode node, int depth) {
  fuzz::Check(depth <= kMaxFdtDepth, "nodes are nested to a limit");
  fuzz::Check(tree.Name(node).size() <= kMaxFdtName, "names are as long as a limit");
  for (auto child = tree.FirstChild(node); child; child = tree.NextSibling(*child)) {
    fuzz::Check(tree.WhereOf(*child) < tree.bytes().size(), "a node lies in the tree");
    Walk(tree, *child, depth + 1);
  }
}

// Without the lists themselves.
std::vector<KeptRange> MemoryOf(const PreservedMap& kept) {
  std::vector<KeptRange> out;
  for (const KeptRange& each : kept.view()) {
    if (each.kind == KeptKind::kMemory) {
      out.push_back(each);
    }
  }
  return out;
}

// The decoded handover in the encoder's form, a name a range.
void CheckRoundTrip(const FdtView& tree, const Decoded& in) {
  const std::vector<KeptRange> memory = MemoryOf(in.kept);
  std::vector<PhysRange> ranges;
  for (const KeptRange& kept : memory) {
    ranges.push_back(kept.range);
  }
  std::vector<HandoverV1Node> nodes;
  for (std::size_t i = 0; i < ranges.size();) {
    const std::uint32_t node = memory[i].node;
    std::size_t end = i;
    while (end < ranges.size() && memory[end].node == node) {
      ++end;
    }
    PreservedNode kept;
    fuzz::Check(DecodePreservedNode(tree, *tree.At(node), kept).ok(), "a name that was decoded decodes");
    fuzz::Check(kept.name == KeptName(tree, memory[i]), "a kept range leads to its name");
    nodes.push_back({.name = kept.name,
                     .owner = kept.owner,
                     .fence = kept.fence,
                     .ranges = std::span(ranges).subspan(i, end - i),
                     .sha256 = {}});
    i = end;
  }
  std::vector<std::uint64_t> storage(kMaxHandoverSize / 8);
  const auto bytes = EncodeHandoverV1({.generation = in.handover.generation,
                                       .created_by = "",
                                       .policy = in.handover.policy,
                                       .preserved = nodes,
                                       .scratch = in.scratch.view(),
                                       .ram = in.ram.view(),
                                       .released = in.released.view()},
                                      std::as_writable_bytes(std::span(storage)));
  fuzz::Check(bytes.ok(), "what decodes can be encoded");
  Decoded again;
  fuzz::Check(DecodeHandoverV1(FdtView::Open(bytes.value()).value(), 0, NoLists(), again.handover).ok(),
              "and decodes again");
  fuzz::Check(
      std::equal(memory.begin(), memory.end(), again.kept.view().begin(), again.kept.view().end(),
                 [](const KeptRange& a, const KeptRange& b) { return a.range == b.range && a.fence == b.fence; }),
      "to the same kept ranges");
  fuzz::Check(std::equal(in.ram.view().begin(), in.ram.view().end(), again.ram.view().begin(), again.ram.view().end()),
              "to the same RAM");
  fuzz::Check(std::equal(in.released.view().begin(), in.released.view().end(), again.released.view().begin(),
                         again.released.view().end()),
              "to what is released");
  fuzz::Check(in.handover.generation == again.handover.generation, "to the same generation");
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const fuzz::AlignedInput input(data, size);
  const auto tree = FdtView::Open(input.bytes());
  if (!tree.ok()) {
    return 0;
  }
  Walk(tree.value(), tree.value().root(), 1);
  Decoded out;
  const std::span<const std::byte> bytes = input.bytes();
  const ListReader reader{.memory = PhysMemory(&ReadInput, &bytes), .blocks = &NoBlocks};
  if (DecodeHandoverV1(tree.value(), 0, reader, out.handover).ok()) {
    CheckRoundTrip(tree.value(), out);
  }
  return 0;
}
