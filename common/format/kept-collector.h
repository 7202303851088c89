// SPDX-License-Identifier: BSD-2-Clause
// From a decoder's blocks to the kept map: one handover's.

#pragma once

#include <optional>

#include "common/mem/kept-block.h"
#include "common/mem/memory-map.h"
#include "common/mem/range-set.h"

namespace holdfast {

// Blocks of one kind that stand one behind the other become one range.  Uncertain ones are cut down to what can be
// kept: whole pages of RAM, or of memory that was marked for it, outside scratch.
class KeptCollector {
 public:
  // What `out` gets: ranges of `source` with `fence` and `node`.
  // `memory` and `scratch` must stay as they are until Flush().
  KeptCollector(PreservedMap& out, std::uint8_t source, Fence fence, const MemoryMap& memory, const RangeSet& scratch,
                std::uint32_t node = 0)
      : out_(out), source_(source), fence_(fence), memory_(memory), scratch_(scratch), node_(node) {}
  KeptCollector(const KeptCollector&) = delete;
  KeptCollector& operator=(const KeptCollector&) = delete;

  BlockSink sink() { return BlockSink(&Add, this); }
  // After the last block.
  Status Flush();

 private:
  static Status Add(void* self, const KeptBlock& block);
  Status AddUncertain(PhysRange range);
  Status AddUncertainRam(PhysRange ram);
  Status Append(PhysRange range, KeptKind kind);

  PreservedMap& out_;
  std::uint8_t source_;
  Fence fence_;
  const MemoryMap& memory_;
  const RangeSet& scratch_;
  std::uint32_t node_;
  std::optional<KeptRange> last_;
};

}  // namespace holdfast
