// SPDX-License-Identifier: BSD-2-Clause
// The map of the series of patches before kho-v1: arrays of ranges, as properties `mem` of any node.

#pragma once

#include "common/format/fdt.h"
#include "common/format/kho-walk.h"

namespace holdfast {

// kMalformed (where: byte offset in the tree): an array that is not made of pairs, a range of no bytes.
Status WalkKhoMem(KhoWalk& walk, const FdtView& tree);
// The same where there is a mem cache, which must hold every range of the tree, and ascend (where: the element's
// address).
Status WalkKhoMemCache(KhoWalk& walk, const FdtView& tree, PhysRange mem_cache);

}  // namespace holdfast
