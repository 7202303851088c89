// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as physical memory with a setup_data chain in it.
//
// The first byte is the head's address.  The rest is memory from address 1 on, and once more, shifted, up to the last
// address, so that small and wild pointers, cycles and nodes at odd addresses are all in reach.

#include <algorithm>

#include "common/format/setup-data-chain.h"
#include "tests/fuzz/fuzz-input.h"

namespace holdfast {
namespace {

const std::byte* Read(const void* backing, PhysRange range) {
  const auto bytes = static_cast<const fuzz::AlignedInput*>(backing)->bytes();
  const PhysRange low = PhysRange::FromStartSize(PhysAddr(1), bytes.size()).value();
  const PhysRange high = PhysRange::FromStartSize(PhysAddr(kPhysLimit - bytes.size()), bytes.size()).value();
  for (const PhysRange& memory : {low, high}) {
    if (memory.Contains(range)) {
      return bytes.data() + (range.start().raw() - memory.start().raw());
    }
  }
  return nullptr;
}

void CheckNodes(std::span<const SetupDataNode> nodes) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const SetupDataNode& node = nodes[i];
    fuzz::Check(node.node.size() >= sizeof(SetupDataHeader), "a node has a header");
    fuzz::Check(node.node.Contains(node.payload), "a payload lies in its node");
    fuzz::Check(node.indirect.empty() || node.type == kSetupIndirect || node.type == kSetupIma,
                "only indirect and IMA nodes have a target");
    fuzz::Check(node.node.end() <= PhysAddr(kPhysLimit), "a node ends at or below the limit");
    fuzz::Check(std::none_of(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(i),
                             [&](const SetupDataNode& other) { return other.node.start() == node.node.start(); }),
                "no node is met twice");
  }
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  if (size == 0) {
    return 0;
  }
  const fuzz::AlignedInput input(data + 1, size - 1);
  SetupDataNodes nodes;
  if (ReadSetupDataChain(PhysMemory(&Read, &input), PhysAddr(data[0]), nodes).ok()) {
    CheckNodes(nodes.view());
  }
  return 0;
}
