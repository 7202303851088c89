// SPDX-License-Identifier: BSD-2-Clause
// What is kept, each piece of it under its own name.

#include "tools/mkhandover/kept-pieces.h"

#include <algorithm>

#include "tools/mkhandover/range-lists.h"

namespace holdfast::tool {
namespace {

bool PieceAscends(const KeptPiece& a, const KeptPiece& b) { return a.range.start() < b.range.start(); }
bool BlockAscends(const KeptBlock& a, const KeptBlock& b) { return Ascends(a.range, b.range); }

bool IsAlike(const KeptPiece& a, const KeptPiece& b) {
  return a.order == b.order && a.kind == b.kind && a.fence == b.fence && a.name == b.name;
}

std::vector<KeptBlock> BlocksOf(const ForeignHandover& foreign, KeptKind kind) {
  std::vector<KeptBlock> out;
  std::copy_if(foreign.blocks.begin(), foreign.blocks.end(), std::back_inserter(out),
               [kind](const KeptBlock& block) { return block.kind == kind; });
  std::sort(out.begin(), out.end(), BlockAscends);
  return out;
}

KeptPiece PieceOf(const ForeignHandover& foreign, const KeptBlock& block) {
  return {.range = block.range.RoundedOut(kPageSize),
          .fence = foreign.fence,
          .name = std::string(NameOfBlock(foreign, block.kind)),
          .owner = {},
          .sha256 = std::nullopt,
          .kind = block.kind,
          .order = block.order};
}

std::vector<PhysRange> RangesOf(const std::vector<KeptPiece>& pieces) {
  std::vector<PhysRange> out;
  for (const KeptPiece& piece : pieces) {
    out.push_back(piece.range);
  }
  SortAndJoin(out, /*overlapping=*/true);
  return out;
}

void JoinAlike(std::vector<KeptPiece>& pieces) {
  std::vector<KeptPiece> joined;
  for (KeptPiece& piece : pieces) {
    if (!joined.empty() && joined.back().range.end() == piece.range.start() && IsAlike(joined.back(), piece)) {
      joined.back().range = PhysRange::FromStartEnd(joined.back().range.start(), piece.range.end()).value();
    } else {
      joined.push_back(std::move(piece));
    }
  }
  pieces = std::move(joined);
}

void FindOverlaps(const ForeignHandover& foreign, const std::vector<KeptBlock>& sorted, std::vector<Problem>& out) {
  const KeptBlock* furthest = nullptr;
  for (const KeptBlock& block : sorted) {
    if (furthest != nullptr && furthest->range.Overlaps(block.range)) {
      const std::string_view name = NameOfBlock(foreign, block.kind);
      out.push_back({.code = Errc::kKeptOverlap,
                     .where = block.range.start().raw(),
                     .what = name,
                     .range = furthest->range,
                     .other = name,
                     .other_range = block.range});
    }
    if (furthest == nullptr || furthest->range.end() < block.range.end()) {
      furthest = &block;
    }
  }
}

void FindInScratch(const ForeignHandover& foreign, const std::vector<KeptBlock>& sorted, std::vector<Problem>& out) {
  const PhysRange array = foreign.scratch_array.RoundedOut(kPageSize);
  for (const KeptBlock& block : sorted) {
    if (block.kind == KeptKind::kStructure && array.Contains(block.range)) {
      continue;
    }
    for (const PhysRange& part : Within({block.range}, foreign.scratch)) {
      const auto area = std::find_if(foreign.scratch.begin(), foreign.scratch.end(),
                                     [&](const PhysRange& each) { return each.Contains(part); });
      out.push_back({.code = Errc::kOverlap,
                     .where = part.start().raw(),
                     .what = "scratch",
                     .range = *area,
                     .other = NameOfBlock(foreign, block.kind),
                     .other_range = block.range});
    }
  }
}

}  // namespace

std::string_view NameOfBlock(const ForeignHandover& foreign, KeptKind kind) {
  return kind == KeptKind::kStructure ? foreign.structure_name : foreign.dialect;
}

void MakeDisjoint(std::vector<KeptPiece>& pieces) {
  std::stable_sort(pieces.begin(), pieces.end(), PieceAscends);
  PhysAddr free_from;
  for (KeptPiece& piece : pieces) {
    piece.range = piece.range.From(free_from);
    free_from = std::max(free_from, piece.range.end());
  }
  std::erase_if(pieces, [](const KeptPiece& piece) { return piece.range.empty(); });
}

void AddLayer(std::vector<KeptPiece> layer, std::vector<KeptPiece>& pieces) {
  const std::vector<PhysRange> taken = RangesOf(pieces);
  MakeDisjoint(layer);
  for (const KeptPiece& piece : layer) {
    for (const PhysRange& rest : Minus({piece.range}, taken)) {
      pieces.push_back(piece);
      pieces.back().range = rest;
    }
  }
  std::sort(pieces.begin(), pieces.end(), PieceAscends);
}

std::vector<KeptPiece> PiecesOf(std::span<const ForeignHandover> all,
                                const std::vector<std::vector<PhysRange>>& uncertain) {
  std::vector<KeptPiece> pieces;
  for (const KeptKind kind : {KeptKind::kMemory, KeptKind::kStructure}) {
    std::vector<KeptPiece> layer;
    for (const ForeignHandover& foreign : all) {
      for (const KeptBlock& block : BlocksOf(foreign, kind)) {
        layer.push_back(PieceOf(foreign, block));
      }
    }
    AddLayer(std::move(layer), pieces);
  }
  std::vector<KeptPiece> layer;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const PhysRange& range : uncertain[i]) {
      layer.push_back(PieceOf(all[i], {.range = range, .kind = KeptKind::kUncertain}));
    }
  }
  AddLayer(std::move(layer), pieces);
  JoinAlike(pieces);
  return pieces;
}

std::vector<Problem> ProblemsOf(const ForeignHandover& foreign) {
  std::vector<Problem> out;
  for (const KeptKind kind : {KeptKind::kMemory, KeptKind::kStructure}) {
    const std::vector<KeptBlock> blocks = BlocksOf(foreign, kind);
    FindOverlaps(foreign, blocks, out);
    FindInScratch(foreign, blocks, out);
  }
  std::stable_sort(out.begin(), out.end(), [](const Problem& a, const Problem& b) { return a.where < b.where; });
  return out;
}

}  // namespace holdfast::tool
