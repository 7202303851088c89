// SPDX-License-Identifier: BSD-2-Clause
// The switch to page tables of our own.

#pragma once

#include <span>

#include "common/arch/x86/page-tables.h"
#include "common/mem/memory-map.h"

namespace holdfast::purgatory {

// Maps the first MiB, all RAM of `map` and each of `ranges` in `tables`, and loads CR3.  From then on the old kernel's
// tables, which lie in memory that is about to be free, are out of use.
// Pre: the code and the stack that run are among the ranges.  kTableFull: their pool is too small; nothing changed.
Status SwitchPageTables(x86::IdentityMap& tables, const MemoryMap& map, std::span<const PhysRange> ranges);

}  // namespace holdfast::purgatory
