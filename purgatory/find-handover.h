// SPDX-License-Identifier: BSD-2-Clause
// Finds the handovers that the command line names, and decodes them into one.

#pragma once

#include <optional>

#include "common/base/bounded-vector.h"
#include "common/codec/sha256.h"
#include "common/format/command-line.h"
#include "common/format/fdt.h"
#include "common/format/handover.h"
#include "common/mem/phys-memory.h"
#include "common/mem/problem.h"

namespace holdfast::purgatory {

struct FoundHandover {
  HandoverOption option;
  std::optional<FdtView> tree;  // set by DecodeHandovers
};
// The bundle's, and those of two command lines.
using FoundHandovers = FixedVector<FoundHandover, 1 + 2 * kMaxHandoverOptions>;

// What the command line says, not looked at yet.  On error `problem` says why.
Status FindHandovers(std::string_view command_line, const MemoryMap& map, FoundHandovers& out, Problem& problem);

// Verifies each tree's digest, decodes it, and seals the union of what they keep.  The policy of those
// that could be read rules, also over a refusal of a later one.  On error `problem` says why.
Status DecodeHandovers(const PhysMemory& memory, Sha256BlocksFn blocks, FoundHandovers& found, Handover& out,
                       Problem& problem);

// Puts the name of the kept range that is part of the problem where DescribeProblem looks for it.
void NameKept(const FoundHandovers& found, Problem& problem);

}  // namespace holdfast::purgatory
