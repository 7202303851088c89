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
#include "common/mem/memory-map.h"
#include "common/mem/preserved-map.h"
#include "common/plan/boot-plan.h"

namespace holdfast::purgatory {

inline constexpr std::size_t kMaxKept = 32768;
inline constexpr std::size_t kMaxMapEntries = 4096;
inline constexpr std::size_t kMaxExtension = kMaxMapEntries - kE820MaxZeropage;

// A setup_data node with its payload behind it.
template <typename Payload>
struct Node {
  SetupDataHeader header;
  Payload payload;
};

struct Storage {
  std::array<x86::PageTable, 256> page_tables;  // 1 MiB: 250 GiB of RAM even without pages of 1 GiB
  BootParams params;
  std::array<MemEntry, kMaxMapEntries> map;
  std::array<MemEntry, kMaxMapEntries> fenced_map;
  std::array<PhysRange, 2 * kMaxMapEntries> readable;
  std::array<PhysRange, 1024> efi;
  std::array<InUse, 2048> in_use;
  std::array<PhysRange, 4096> avoid;
  std::array<PhysRange, 256> scratch;
  std::array<PhysRange, 1024> ram;
  std::array<KeptRange, kMaxKept> kept;

  // What the next kernel still reads.
  alignas(16) std::array<Node<SetupIndirect>, kMaxHeld> held_nodes;
  alignas(16) Node<std::array<E820Entry, kMaxExtension>> extension_node;
  alignas(16) Node<std::array<std::byte, 2 * kMiB>> report_node;
};

// Zero when the stage starts: entry.S clears it.
extern Storage g_storage;

}  // namespace holdfast::purgatory
