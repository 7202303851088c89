// SPDX-License-Identifier: BSD-2-Clause
// The setup_data chain: a linked list through physical memory.
//
// Source: Documentation/arch/x86/boot.rst, "setup_data".  The kernel walks it without a bound; here a walk
// ends after kMaxSetupDataNodes nodes (kTableFull) and at the first node that was seen before (kCycle).
// Nodes need no alignment.

#pragma once

#include <cstdint>

#include "common/abi/setup-data.h"
#include "common/base/bounded-vector.h"
#include "common/mem/phys-memory.h"

namespace holdfast {

inline constexpr std::size_t kMaxSetupDataNodes = 256;

struct SetupDataNode {
  PhysRange node;     // header and payload
  PhysRange payload;  // may be empty
  std::uint32_t type = 0;
  PhysRange indirect;  // for kSetupIndirect and kSetupIma: what they point at, else empty; also empty where the
                       // inner type is plain kSetupIndirect, which the kernel ignores
};
using SetupDataNodes = FixedVector<SetupDataNode, kMaxSetupDataNodes>;

// Reads the chain that begins at `head` (0: empty) into `out`, in its order.  Only headers, indirect and IMA nodes must
// be readable here: who wants another payload views it.  Nodes may overlap, as long as none begins twice. Errors:
// kUnreadable, kOutOfBounds (where: the node, or the target), kCycle, kTableFull, kTruncated (an indirect or IMA node
// that is too short; where: the address after it).
Status ReadSetupDataChain(const PhysMemory& memory, PhysAddr head, BoundedVector<SetupDataNode>& out);

}  // namespace holdfast
