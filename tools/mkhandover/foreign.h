// SPDX-License-Identifier: BSD-2-Clause
// A handover that another system wrote: what it keeps, and where to look further.
//
// Decoded by the stage's own decoders, block by block, so that orders are seen and nothing is joined.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/format/kho.h"
#include "common/format/memory-lists.h"
#include "common/format/pkram.h"
#include "common/format/pmpool.h"
#include "common/format/prmem.h"
#include "common/mem/kept-block.h"
#include "common/mem/phys-memory.h"
#include "tools/mkhandover/dialect.h"
#include "tools/mkhandover/overlay.h"

namespace holdfast::tool {

struct ForeignHandover {
  std::string dialect;         // "kho-v4"
  std::string structure_name;  // "kho-v4 structure"
  std::string compatible;      // what a kernel carries that reads it by itself; empty: none does
  // A kernel that carries it may still read it otherwise.
  bool is_ambiguous = false;
  std::vector<KeptBlock> blocks;  // as the decoder gave them
  Fence fence = Fence::kReserved;
  std::vector<PhysRange> scratch;  // ascending and disjoint
  PhysRange scratch_array;         // which lies in it; empty where there is none

  // For whoever looks inside: each of its own dialect.
  PhysRange kho_tree;
  std::optional<KhoFacts> kho{};
  PhysAddr pkram_super_block;
  std::optional<PkramFacts> pkram{};
  std::optional<Pmpool> pmpool{};
  std::optional<PrmemOption> prmem_option{};
  std::optional<PrmemFacts> prmem{};
};

// Each ends in a Failure that names `name` where the decoder refuses.

// A setup_data node's payload.
ForeignHandover ReadKhoNode(std::span<const std::byte> payload, const DialectWish& wish, const PhysMemory& memory,
                            const std::string& name);
// A tree that was copied out of its memory, with the areas of scratch where they are known.  The tree stays in
// `memory`, where no machine has any.
ForeignHandover ReadKhoTree(std::span<const std::byte> tree, const std::vector<PhysRange>& areas,
                            const DialectWish& wish, Overlay& memory, const std::string& name);
ForeignHandover ReadPkram(PhysAddr super_block, const DialectWish& wish, const PhysMemory& memory,
                          const std::string& name);
ForeignHandover ReadPmpool(const Pmpool& pool, const PhysMemory& memory, const std::string& name);
ForeignHandover ReadPrmem(const PrmemOption& option, const PhysMemory& memory, const std::string& name);
// badram= or memmap=: what of the list has that fence.
ForeignHandover FromList(std::string_view dialect, std::span<const ListedRange> list, Fence fence);

}  // namespace holdfast::tool
