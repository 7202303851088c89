// SPDX-License-Identifier: BSD-2-Clause
// From the handovers that were found to the one that is decided upon: the union of what they keep.

#pragma once

#include "common/format/find-handovers.h"
#include "common/format/handover-v1.h"
#include "common/format/handover.h"
#include "common/mem/phys-memory.h"

namespace holdfast {

// What reading takes besides the handovers themselves.
struct HandoverReading {
  const PhysMemory& memory;
  Sha256BlocksFn blocks;
  const MemoryMap& map;
  int page_table_levels = 0;         // of the last kernel, which PKRAM does not record; 0: not known
  RangeSet& native_scratch;          // receives KHO's areas: room for kMaxKhoScratch
  std::span<const LostName> lost{};  // what is not kept any more, by names of trees
  std::span<std::byte> aligned;      // room for a device tree that does not lie at a multiple of 8
};

// Gives, as kStructure blocks made of pages, where the trees' range-lists lie in memory that an earlier stage fenced,
// for the shell to make it readable: lists in RAM, too large ones, and any where no handover may lie are left out.
// What does not read is for ReadHandovers() to refuse, and so are digests.  The sink's errors only.
Status FindFencedLists(const FoundHandovers& found, const PhysMemory& memory, const MemoryMap& map,
                       const BlockSink& sink);

// Reads each, and seals what they keep; a handover's index in `found` is its source.  Trees come first, so that their
// policy rules all others, also over a refusal of one that comes later.  On error `problem` says why; the errors are
// those of DecodeHandoverV1, DecodeKho, DecodePkram, DecodePmpool and DecodePrmem; kBadDigest: of a tree;
// kTooLarge: a device tree that the room does not hold, which somebody waits for; PreservedMap::Seal()'s.
// Skipped are what is fenced, device trees that do not read, and KHO of a sender that was not told to finalize.
// What the unmerged series and kho-v1 hand over is native only on demand: its string does not tell them apart.
Status ReadHandovers(const HandoverReading& in, FoundHandovers& found, Handover& out, Problem& problem);

// Puts the name of the kept range that is part of the problem where DescribeProblem looks for it: what the tree calls
// it, or its dialect ("kho-v4", "kho-v4 structure").
void NameKept(const FoundHandovers& found, Problem& problem);

// The first handover that is a tree of ours, for the report; null without one.
const FoundHandover* FirstTree(const FoundHandovers& found);

}  // namespace holdfast
