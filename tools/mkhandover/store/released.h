// SPDX-License-Identifier: BSD-2-Clause
// Memory that the kernel before this one kept, and that nobody needs any more.
//
// It is fenced in this kernel's map, and loaders hand the map on: without a word in the next handover it stays so until
// a cold boot.  Only what this boot's report vouches for goes back, and of it only what is ours: a store's nodes, and
// a handover's own page.

#pragma once

#include <string_view>
#include <vector>

#include "tools/mkhandover/output.h"
#include "tools/mkhandover/report-file.h"

namespace holdfast::tool {

struct ReleaseWish {
  bool with_store = false;             // the new handover keeps the store: what that has forgotten may go
  std::vector<PhysRange> handed_on{};  // what handovers release that the new one takes in: of a store's
  const MemoryMap* map = nullptr;      // this kernel's, where it is known
};

// Ascending and disjoint.  What the new handover keeps is still in it.  Whose handover cannot be read releases nothing,
// with a warning.
std::vector<PhysRange> ReleasedBy(const ReportFile& report, const ReleaseWish& wish, Output& output);

}  // namespace holdfast::tool
