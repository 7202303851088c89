// SPDX-License-Identifier: BSD-2-Clause
// What a decoder finds, one block at a time, and where it goes.

#pragma once

#include <cstdint>

#include "common/base/sink.h"
#include "common/mem/preserved-map.h"

namespace holdfast {

struct KeptBlock {
  static constexpr std::int8_t kNoOrder = -1;

  PhysRange range;
  KeptKind kind = KeptKind::kMemory;
  std::int8_t order = kNoOrder;  // log2 of the block's pages, where the dialect says it

  constexpr bool operator==(const KeptBlock&) const = default;
};

// Takes blocks.  The stage's joins what touches; the tool's notes every one.
using BlockSink = Sink<KeptBlock>;

}  // namespace holdfast
