// SPDX-License-Identifier: BSD-2-Clause
// Carries out a plan.

#include "purgatory/execute.h"

#include <cstring>

#include "common/format/boot-params.h"
#include "common/format/node-chain.h"

namespace holdfast::purgatory {
namespace {

// The one place where an address becomes memory to be written.
Status WriteAt(const PreservedMap& kept, PhysRange target, const void* bytes) {
  TRY(CheckTarget(kept, target));
  std::memmove(reinterpret_cast<void*>(target.start().raw()), bytes, static_cast<std::size_t>(target.size()));
  return kDone;
}

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
  NodeChain chain(NextStaying(plan, boot.nodes.view(), 0));
  TRY(PrependReport(report, storage.report_node.header, storage.report_node.payload, chain));
  TRY(PrependE820(plan.memory, boot.params, storage.extension_node.header, storage.extension_node.payload, chain));
  PrependHeld(plan.held.view(), storage.held_nodes, chain);
  boot.params.hdr.setup_data.Set(chain.head());
  if (plan.drops_efi) {
    DropEfi(boot.params);
  }
  return kDone;
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
