// SPDX-License-Identifier: BSD-2-Clause
// A memory map and what is kept of it, cut into stretches for a picture.

#include "tools/mkhandover/stretches.h"

#include <algorithm>

#include "common/console/wording.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

const KeptPiece* PieceAt(std::span<const KeptPiece> pieces, PhysAddr address) {
  const auto it = std::partition_point(pieces.begin(), pieces.end(),
                                       [address](const KeptPiece& piece) { return piece.range.end() <= address; });
  return it != pieces.end() && it->range.Contains(address) ? &*it : nullptr;
}

std::optional<MemType> TypeAt(const MemoryMap& map, PhysAddr address) {
  const std::size_t i = map.FirstEndingAfter(address);
  if (i == map.size() || !map.view()[i].range.Contains(address)) {
    return std::nullopt;
  }
  return map.view()[i].type;
}

}  // namespace

std::vector<Stretch> CutIntoStretches(const MemoryMap& map, std::span<const KeptPiece> pieces) {
  // Between two neighbouring edges nothing changes.
  std::vector<PhysAddr> edges;
  for (const MemEntry& entry : map.view()) {
    edges.push_back(entry.range.start());
    edges.push_back(entry.range.end());
  }
  for (const KeptPiece& piece : pieces) {
    edges.push_back(piece.range.start());
    edges.push_back(piece.range.end());
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());

  std::vector<Stretch> out;
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    const Stretch next{.range = PhysRange::FromStartEnd(edges[i], edges[i + 1]).value(),
                       .type = TypeAt(map, edges[i]),
                       .kept = PieceAt(pieces, edges[i])};
    if (!out.empty() && out.back().kept == next.kept && (next.kept != nullptr || out.back().type == next.type)) {
      out.back().range = PhysRange::FromStartEnd(out.back().range.start(), next.range.end()).value();
    } else {
      out.push_back(next);
    }
  }
  return out;
}

std::string LabelOf(const Stretch& stretch) {
  if (stretch.kept != nullptr) {
    return Format("kept {} ({})", stretch.kept->name, FenceName(stretch.kept->fence));
  }
  return stretch.type ? TypeText(*stretch.type) : "nothing";
}

std::uint64_t MemoryBytes(std::span<const Stretch> stretches) {
  std::uint64_t sum = 0;
  for (const Stretch& stretch : stretches) {
    sum += stretch.is_memory() ? stretch.range.size() : 0;
  }
  return sum;
}

std::uint64_t KeptBytes(std::span<const Stretch> stretches) {
  std::uint64_t sum = 0;
  for (const Stretch& stretch : stretches) {
    sum += stretch.kept != nullptr ? stretch.range.size() : 0;
  }
  return sum;
}

}  // namespace holdfast::tool
