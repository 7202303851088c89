// SPDX-License-Identifier: BSD-2-Clause
// A memory map and what is kept of it, cut into stretches for a picture.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/mem/memory-map.h"
#include "tools/mkhandover/handover-file.h"

namespace holdfast::tool {

// Addresses of one kind.
struct Stretch {
  PhysRange range;
  std::optional<MemType> type;      // as the map says; nothing: no entry covers it
  const KeptPiece* kept = nullptr;  // what is kept there

  bool is_hole() const { return !type && kept == nullptr; }
  // RAM, or something that is kept and so was RAM once.
  bool is_memory() const { return kept != nullptr || (type && IsRam(*type)); }
};

// Ascending, disjoint, without a gap from the first entry to the last.  Pre: pieces ascend and are disjoint.
std::vector<Stretch> CutIntoStretches(const MemoryMap& map, std::span<const KeptPiece> pieces);

// "usable", "kept guest0 (reserved)", "nothing"
std::string LabelOf(const Stretch& stretch);

// Bytes of stretches that are memory, and of those that are kept.
std::uint64_t MemoryBytes(std::span<const Stretch> stretches);
std::uint64_t KeptBytes(std::span<const Stretch> stretches);

}  // namespace holdfast::tool
