// SPDX-License-Identifier: BSD-2-Clause
// What is kept, each piece of it under its own name.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/codec/sha256.h"
#include "common/mem/kept-block.h"
#include "common/mem/problem.h"
#include "tools/mkhandover/foreign.h"

namespace holdfast::tool {

// A kept range under its own name: rounded to pages, not joined with its neighbours.
struct KeptPiece {
  PhysRange range;
  Fence fence = Fence::kReserved;
  std::string name;
  std::string owner;
  std::optional<Digest> sha256;  // of the contents of all ranges of that name
  KeptKind kind = KeptKind::kMemory;
  std::int8_t order = KeptBlock::kNoOrder;
};

// "kho-v4", or of its own pages "kho-v4 structure"; as the stage calls them.
std::string_view NameOfBlock(const ForeignHandover& foreign, KeptKind kind);

// Sorts, and takes away what an earlier piece has already.
void MakeDisjoint(std::vector<KeptPiece>& pieces);
// Adds what of `layer` the pieces, which are disjoint, do not have yet.
void AddLayer(std::vector<KeptPiece> layer, std::vector<KeptPiece>& pieces);

// The pieces of other systems' handovers, ascending and disjoint: memory with its orders, then structures where no
// memory is, then of `uncertain` (by handover) what is neither.  Neighbours of one kind and one order are joined.
std::vector<KeptPiece> PiecesOf(std::span<const ForeignHandover> all,
                                const std::vector<std::vector<PhysRange>>& uncertain);

// What is wrong with one by itself: blocks that overlap, and blocks or structures in scratch.  All of it, in ascending
// order of address; the problems borrow its names.
std::vector<Problem> ProblemsOf(const ForeignHandover& foreign);

}  // namespace holdfast::tool
