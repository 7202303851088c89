// SPDX-License-Identifier: BSD-2-Clause
// A store as a handover has it.

#include "tools/mkhandover/store/handover-nodes.h"

namespace holdfast::tool {
namespace {

Draft::Node MakeNode(std::string name, Fence fence, std::vector<PhysRange> ranges) {
  return {.name = std::move(name), .owner = std::string(kStoreOwner), .fence = fence, .ranges = std::move(ranges), .sha256 = std::nullopt};
}

}  // namespace

std::vector<Draft::Node> HandoverNodesOf(const Store& store) {
  const StoreModel& model = store.model();
  std::vector<Draft::Node> out;
  out.push_back(MakeNode(std::string(kStoreNodeName), Fence::kReserved, store.IndexRuns()));
  for (const KeptNode& node : model.nodes) {
    std::vector<PhysRange> ranges;
    for (const std::uint32_t number : model.FilesOf(node)) {
      const auto& runs = model.files[number].runs;
      ranges.insert(ranges.end(), runs.begin(), runs.end());
    }
    if (!ranges.empty()) {
      out.push_back(MakeNode(node.name, node.fence, std::move(ranges)));
    }
  }
  return out;
}

}  // namespace holdfast::tool
