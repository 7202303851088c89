// SPDX-License-Identifier: BSD-2-Clause
// The EFI variable that says where the handover is.
//
// Layout: common/abi/handover-variable.h.

#pragma once

#include <span>

#include "common/abi/handover-variable.h"
#include "common/codec/sha256.h"
#include "common/mem/phys-range.h"

namespace holdfast {

struct HandoverVariable {
  HandoverVariableKind kind = HandoverVariableKind::kTree;
  bool is_one_shot = true;
  PhysRange at;       // of the tree; not empty
  PhysRange scratch;  // kKho: the array of areas
  Digest digest{};
};

// kTruncated; kBadVersion (where: the version); kMalformed (where: byte offset): bytes left over, an unknown flag, a
// reserved field that is not 0, an empty tree, one or scratch below 1 MiB, scratch that the kind does not have, or has
// none; kUnsupported (where: the kind); kOutOfBounds.
Status DecodeHandoverVariable(std::span<const std::byte> bytes, HandoverVariable& out);
StoredHandoverVariable EncodeHandoverVariable(const HandoverVariable& variable);

}  // namespace holdfast
