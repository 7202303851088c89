// SPDX-License-Identifier: BSD-2-Clause
// Carries out a plan.

#include "purgatory/execute.h"

#include <cstring>

#include "common/format/boot-params.h"
#include "common/format/e820.h"

namespace holdfast::purgatory {
namespace {

std::uint64_t AddressOf(const void* object) { return reinterpret_cast<std::uintptr_t>(object); }

// The one place where an address becomes memory to be written.
Status WriteAt(const PreservedMap& kept, PhysRange target, const void* bytes) {
  TRY(CheckTarget(kept, target));
  std::memmove(reinterpret_cast<void*>(target.start().raw()), bytes, static_cast<std::size_t>(target.size()));
  return kDone;
}

// A chain that is put together from its end: each node gets the one that was linked before it as its next.
class ChainBuilder {
 public:
  explicit ChainBuilder(std::uint64_t tail) : next_(tail) {}

  void Prepend(SetupDataHeader& header, std::uint32_t type, std::size_t payload_size) {
    header.next.Set(next_);
    header.type.Set(type);
    header.len.Set(static_cast<std::uint32_t>(payload_size));
    next_ = AddressOf(&header);
  }
  std::uint64_t head() const { return next_; }

 private:
  std::uint64_t next_;
};

// Ours stands in the place of the loader's SETUP_E820_EXT.
bool StaysInChain(const BootPlan& plan, const SetupDataNode& node) {
  return node.type != kSetupE820Ext && !(node.type == kSetupEfi && plan.drops_efi);
}

// The first node at or behind `index` that stays; 0 at the end.
std::uint64_t NextStaying(const BootPlan& plan, std::span<const SetupDataNode> nodes, std::size_t index) {
  while (index < nodes.size() && !StaysInChain(plan, nodes[index])) {
    ++index;
  }
  return index < nodes.size() ? nodes[index].node.start().raw() : 0;
}

}  // namespace

Status PrepareNodes(const BootPlan& plan, const BootReport& report, LoadedBoot& boot, Storage& storage) {
  ChainBuilder chain(NextStaying(plan, boot.nodes.view(), 0));

  TRY_ASSIGN(const auto tree, EncodeBootReport(report, storage.report_node.payload));
  chain.Prepend(storage.report_node.header, kSetupHoldfastReport, tree.size());

  TRY_ASSIGN(const std::size_t num_extended, EncodeE820(plan.memory, boot.params, storage.extension_node.payload));
  if (num_extended != 0) {
    chain.Prepend(storage.extension_node.header, kSetupE820Ext, num_extended * sizeof(E820Entry));
  }

  for (std::size_t i = 0; i < plan.held.size(); ++i) {
    Node<SetupIndirect>& node = storage.held_nodes[i];
    node.payload.type.Set(kSetupIndirectHeld);
    node.payload.len.Set(plan.held[i].size());
    node.payload.addr.Set(plan.held[i].start().raw());
    chain.Prepend(node.header, kSetupIndirect, sizeof(SetupIndirect));
  }
  boot.params.hdr.setup_data.Set(chain.head());
  if (plan.drops_efi) {
    DropEfi(boot.params);
  }
  return kDone;
}

Status CheckTarget(const PreservedMap& kept, PhysRange target) {
  const auto hit = kept.FirstOverlap(target);
  return hit ? Status(Error{Errc::kOverlap, target.Intersection(hit->range).start().raw()}) : Status(kDone);
}

Status RelinkNodes(const BootPlan& plan, const PreservedMap& kept, const LoadedBoot& boot) {
  const auto nodes = boot.nodes.view();
  for (const SetupDataNode& node : nodes) {
    TRY(CheckTarget(kept, node.node));
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!StaysInChain(plan, nodes[i])) {
      continue;
    }
    const bool hides = plan.hides_native && nodes[i].type == kSetupKexecKho;
    const SetupDataHeader header{.next = Le64(NextStaying(plan, nodes, i + 1)),
                                 .type = Le32(hides ? kSetupHoldfastHiddenKho : nodes[i].type),
                                 .len = Le32(static_cast<std::uint32_t>(nodes[i].payload.size()))};
    TRY_ASSIGN(const PhysRange target, PhysRange::FromStartSize(nodes[i].node.start(), sizeof(header)));
    TRY(WriteAt(kept, target, &header));
  }
  return kDone;
}

Status ExecutePlan(const BootPlan& plan, const PreservedMap& kept, PhysRange kernel_at, const LoadedBoot& boot) {
  // RelinkNodes checks what it writes before its first byte, so nothing is written unless all of it may be.
  TRY(CheckTarget(kept, plan.slot.range));
  TRY(CheckTarget(kept, boot.params_at));
  TRY(RelinkNodes(plan, kept, boot));
  if (plan.slot.range.start() != kernel_at.start()) {
    TRY(WriteAt(kept, plan.slot.range, reinterpret_cast<const void*>(kernel_at.start().raw())));
  }
  return WriteAt(kept, boot.params_at, &boot.params);
}

}  // namespace holdfast::purgatory
