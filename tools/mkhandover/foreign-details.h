// SPDX-License-Identifier: BSD-2-Clause
// What other systems' handovers hold besides what they keep: clients, sessions, files, nodes, instances.
//
// For people to look at; nothing here decides what is kept.  So what does not read is noted, and the rest is shown.

#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "tools/mkhandover/foreign-set.h"
#include "tools/mkhandover/json.h"

namespace holdfast::tool {

struct UnreadDetail {
  std::string name;  // "LUO"
  Error error;
};

// `foreign` is one of the set, which has its memory.  Adds to `out` the members that the dialect has: clients,
// metadata, reserve_mem, luo, kho_test (KHO), nodes (PKRAM), pool and bitmap (pmpool), instances (prmem).
void AddDetails(const ForeignHandover& foreign, const ForeignSet& set, Json& out, std::vector<UnreadDetail>& unread);

}  // namespace holdfast::tool
