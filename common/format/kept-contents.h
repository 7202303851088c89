// SPDX-License-Identifier: BSD-2-Clause
// Is what was kept still what it was?  For shells to which memory comes through firmware, which may have used it.
//
// A handover-v1 tree may say a digest with each of its names: SHA-256 of the contents of `ranges` in their order, of a
// range-list's in ascending order.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/base/sink.h"
#include "common/codec/sha256.h"
#include "common/format/find-handovers.h"
#include "common/format/handover-v1.h"
#include "common/mem/phys-memory.h"

namespace holdfast {

enum class ContentState : std::uint8_t {
  kIntact,
  kLost,      // its digest is another
  kNoDigest,  // nobody said what it was
};

// One name of one handover.
struct KeptContent {
  std::string_view name;
  std::uint8_t source = 0;  // the handover's index in FoundHandovers
  std::uint32_t node = 0;   // as in KeptRange
  ContentState state = ContentState::kNoDigest;
  PhysRange first;          // the first of its ranges: what a line names
  std::uint64_t bytes = 0;  // of all of them
};

using ContentSink = Sink<KeptContent>;

// Looks at each name of each tree in `found`, which ReadHandovers() has read.  Pre: `memory` reads what is kept: that
// it is RAM was checked before.  Errors: kUnreadable; the sink's.
Status CheckContents(const FoundHandovers& found, const PhysMemory& memory, Sha256BlocksFn blocks,
                     const ContentSink& sink);

}  // namespace holdfast
