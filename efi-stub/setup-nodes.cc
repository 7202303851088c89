// SPDX-License-Identifier: BSD-2-Clause
// The setup_data nodes of a kernel that is given any.

#include "efi-stub/setup-nodes.h"

#include <cstring>
#include <new>

#include "common/base/align.h"

namespace holdfast::efi {
namespace {

constexpr std::uint64_t kNodeAlignment = 16;  // Linux needs none; the report's tree has 8.

std::uint64_t SizeOf(std::uint64_t payload) { return AlignUp(sizeof(SetupDataHeader) + payload, kNodeAlignment); }

std::span<const std::byte> PayloadOf(const SetupDataNode& node) {
  return {reinterpret_cast<const std::byte*>(node.payload.start().raw()),
          static_cast<std::size_t>(node.payload.size())};
}

// Nodes one behind the other, in memory that holds them all.
class NodeWriter {
 public:
  explicit NodeWriter(PhysRange memory) : at_(memory.start().raw()) {}

  void Copy(std::uint32_t type, std::span<const std::byte> payload, NodeChain& chain) {
    auto* const header = new (reinterpret_cast<void*>(at_)) SetupDataHeader{};
    if (!payload.empty()) {
      std::memcpy(reinterpret_cast<void*>(at_ + sizeof(*header)), payload.data(), payload.size());
    }
    chain.Prepend(*header, type, payload.size());
    at_ += SizeOf(payload.size());
  }

  void Held(std::span<const PhysRange> held, NodeChain& chain) {
    auto* const nodes = reinterpret_cast<Node<SetupIndirect>*>(at_);
    for (std::size_t i = 0; i < held.size(); ++i) {
      new (nodes + i) Node<SetupIndirect>{};
    }
    PrependHeld(held, {nodes, held.size()}, chain);
  }

 private:
  std::uint64_t at_;
};

}  // namespace

Result<NodeChain> MakeSetupNodes(Ledger& ledger, Storage& storage, const SetupNodes& nodes) {
  TRY_ASSIGN(const auto report, EncodeBootReport(nodes.report, storage.report));
  std::uint64_t size = SizeOf(report.size()) + nodes.held.size() * sizeof(Node<SetupIndirect>);
  for (const SetupDataNode& node : nodes.passed) {
    size += SizeOf(node.payload.size());
  }
  TRY_ASSIGN(const PhysRange memory, ledger.Allocate(size, EfiLoaderData));
  NodeWriter writer(memory);
  NodeChain chain(0);
  for (const SetupDataNode& node : nodes.passed) {
    writer.Copy(node.type, PayloadOf(node), chain);
  }
  writer.Copy(kSetupHoldfastReport, report, chain);
  writer.Held(nodes.held, chain);
  return chain;
}

}  // namespace holdfast::efi
