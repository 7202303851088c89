// SPDX-License-Identifier: BSD-2-Clause
// The seed of the kernel's place.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/format/setup-data-chain.h"
#include "common/mem/phys-memory.h"

namespace holdfast::purgatory {

// What a seed is for: seeds for different purposes say nothing of each other, nor of the kernel's own use of the node.
inline constexpr std::string_view kSlotSeed = "holdfast physical slot";
inline constexpr std::string_view kVirtualSeed = "holdfast virtual address";

// Uniform over 64 bits as far as the machine can tell: RDSEED, RDRAND and the loader's RNG seed node where they
// are there, and the time-stamp counter, through SHA-256.
std::uint64_t MakeSeed(std::string_view purpose, std::span<const SetupDataNode> nodes, const PhysMemory& memory);

}  // namespace holdfast::purgatory
