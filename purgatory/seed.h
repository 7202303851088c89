// SPDX-License-Identifier: BSD-2-Clause
// The seed of the kernel's place.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/arch/x86/seed.h"
#include "common/format/setup-data-chain.h"
#include "common/mem/phys-memory.h"

namespace holdfast::purgatory {

// Uniform over 64 bits as far as the machine can tell: x86::SeedMaker's sources, and the loader's RNG seed node where
// it is there.
std::uint64_t MakeSeed(std::string_view purpose, std::span<const SetupDataNode> nodes, const PhysMemory& memory);

}  // namespace holdfast::purgatory
