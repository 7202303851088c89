// SPDX-License-Identifier: BSD-2-Clause
// The seed of the kernel's place.

#include "purgatory/seed.h"

namespace holdfast::purgatory {

std::uint64_t MakeSeed(std::string_view purpose, std::span<const SetupDataNode> nodes, const PhysMemory& memory) {
  x86::SeedMaker seed(purpose);
  for (const SetupDataNode& node : nodes) {
    if (node.type == kSetupRngSeed) {
      if (const auto bytes = memory.View(node.payload); bytes.ok()) {
        seed.Add(bytes.value());
      }
    }
  }
  return seed.FinishNumber();
}

}  // namespace holdfast::purgatory
