// SPDX-License-Identifier: BSD-2-Clause
// The seed of the kernel's place.

#pragma once

#include <cstdint>
#include <span>

#include "common/format/setup-data-chain.h"
#include "common/mem/phys-memory.h"

namespace holdfast::purgatory {

// Uniform over 64 bits as far as the machine can tell: RDSEED, RDRAND and the loader's RNG seed node where they
// are there, and the time-stamp counter, through SHA-256.
std::uint64_t MakeSeed(std::span<const SetupDataNode> nodes, const PhysMemory& memory);

}  // namespace holdfast::purgatory
