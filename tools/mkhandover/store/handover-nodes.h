// SPDX-License-Identifier: BSD-2-Clause
// A store as a handover has it.

#pragma once

#include <vector>

#include "tools/mkhandover/draft.h"
#include "tools/mkhandover/store/store.h"

namespace holdfast::tool {

// The pages of the index under kStoreNodeName, then those of each node that has some under its name and with its fence.
// Their owner is kStoreOwner.
// Pre: the store has an index in its folder.
std::vector<Draft::Node> HandoverNodesOf(const Store& store);

}  // namespace holdfast::tool
