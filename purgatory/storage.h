// SPDX-License-Identifier: BSD-2-Clause
// The stage's memory.
//
// The stage has no heap and owns nothing but its own segment, so every table that a boot may need is reserved
// there.  It costs no bytes in the file and no pages after the boot, but for the nodes that the next kernel reads.

#pragma once

#include <array>
#include <cstddef>

#include "common/abi/boot-params.h"
#include "common/arch/x86/page-tables.h"
#include "common/codec/zstd.h"
#include "common/format/kho.h"
#include "common/format/node-chain.h"
#include "common/mem/memory-map.h"
#include "common/mem/preserved-map.h"
#include "common/plan/boot-plan.h"
#include "common/plan/stage-limits.h"

namespace holdfast::purgatory {

// Zero when the stage starts: the entry code clears it.
struct Storage {
  std::array<x86::PageTable, kNumPageTables> page_tables;
  alignas(kPageSize) BootParams params;
  std::array<MemEntry, kMaxMapEntries> map;
  std::array<MemEntry, kMaxMapEntries> released_map;
  std::array<MemEntry, kMaxMapEntries> fenced_map;
  std::array<PhysRange, kMaxReadable> readable;
  std::array<PhysRange, kMaxEfiRanges> efi;
  std::array<InUse, kMaxInUse> in_use;
  std::array<PhysRange, kMaxAvoided> avoid;
  std::array<PhysRange, kMaxScratchRanges> scratch;
  std::array<PhysRange, kMaxKhoScratch> native_scratch;
  std::array<PhysRange, kMaxRamRanges> ram;
  std::array<PhysRange, kMaxReleasedRanges> released;
  std::array<KeptRange, kMaxKept> kept;

  ZstdWorkspace zstd;

  // What the next kernel still reads.
  alignas(16) std::array<char, 4096> command_line;
  alignas(16) std::array<Node<SetupIndirect>, kMaxHeld> held_nodes;
  alignas(16) Node<std::array<E820Entry, kMaxExtension>> extension_node;
  alignas(16) Node<std::array<std::byte, 2 * kMiB + kMiB / 2>> report_node;
};

}  // namespace holdfast::purgatory
