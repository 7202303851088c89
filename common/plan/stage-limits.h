// SPDX-License-Identifier: BSD-2-Clause
// How much the stage's tables hold.
//
// The stage has no heap: what does not fit into the tables of its own segment is refused at the jump.  The numbers
// stand here so that the tool refuses the same before it.

#pragma once

#include <cstddef>

#include "common/plan/boot-plan.h"
#include "common/plan/checks.h"

namespace holdfast {

// As the handovers list them; those that touch are joined when they fill it.
inline constexpr std::size_t kMaxKept = 65536;
inline constexpr std::size_t kMaxScratchRanges = 256;
inline constexpr std::size_t kMaxRamRanges = 1024;
inline constexpr std::size_t kMaxReleasedRanges = 2048;
inline constexpr std::size_t kMaxMapEntries = 4096;  // of the old map and of the new one
inline constexpr std::size_t kMaxExtension = kMaxMapEntries - kE820MaxZeropage;
inline constexpr std::size_t kMaxReadable = 2 * kMaxMapEntries;
inline constexpr std::size_t kMaxEfiRanges = 1024;
inline constexpr std::size_t kMaxInUse = 2048;
inline constexpr std::size_t kMaxAvoided = 4096;
// 1 MiB: 250 GiB of RAM even without pages of 1 GiB.  How many a boot takes depends on the processor's page sizes, so
// that alone is not asked beforehand.
inline constexpr std::size_t kNumPageTables = 256;

// kTableFull (where: the capacity; what: the table): inputs that the stage could not even hold.  That the plan itself
// fits is MakeBootPlan's matter, given storage of kMaxMapEntries and kMaxAvoided.
void CheckStageTables(const BootInputs& in, Problems& problems);

}  // namespace holdfast
