// SPDX-License-Identifier: BSD-2-Clause
// The setup_data nodes that a stage puts before those of its loader.

#include "common/format/node-chain.h"

#include "common/format/e820.h"

namespace holdfast {

void NodeChain::Prepend(SetupDataHeader& header, std::uint32_t type, std::size_t payload_size) {
  header.next.Set(next_);
  header.type.Set(type);
  header.len.Set(static_cast<std::uint32_t>(payload_size));
  next_ = reinterpret_cast<std::uintptr_t>(&header);
}

Status PrependReport(const BootReport& report, SetupDataHeader& header, std::span<std::byte> payload,
                     NodeChain& chain) {
  TRY_ASSIGN(const auto tree, EncodeBootReport(report, payload));
  chain.Prepend(header, kSetupHoldfastReport, tree.size());
  return kDone;
}

Status PrependE820(const MemoryMap& map, BootParams& params, SetupDataHeader& header, std::span<E820Entry> payload,
                   NodeChain& chain) {
  TRY_ASSIGN(const std::size_t num_extended, EncodeE820(map, params, payload));
  if (num_extended != 0) {
    chain.Prepend(header, kSetupE820Ext, num_extended * sizeof(E820Entry));
  }
  return kDone;
}

void PrependHeld(std::span<const PhysRange> held, std::span<Node<SetupIndirect>> nodes, NodeChain& chain) {
  Require(held.size() <= nodes.size());
  for (std::size_t i = 0; i < held.size(); ++i) {
    nodes[i].payload.type.Set(kSetupIndirectHeld);
    nodes[i].payload.len.Set(held[i].size());
    nodes[i].payload.addr.Set(held[i].start().raw());
    chain.Prepend(nodes[i].header, kSetupIndirect, sizeof(SetupIndirect));
  }
}

}  // namespace holdfast
