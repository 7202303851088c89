// SPDX-License-Identifier: BSD-2-Clause
// A node's objects as files again.

#pragma once

#include <string>
#include <vector>

#include "tools/mkhandover/output.h"
#include "tools/mkhandover/store/extents.h"
#include "tools/mkhandover/store/progress.h"
#include "tools/mkhandover/store/snapshot.h"

namespace holdfast::tool {

struct DamagedObject : LostObject {
  std::string ending;  // of its name, behind the one that it had; "" where nothing is left of it
};

struct Restored {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  // What lies there ends in ".damaged", or ".damaged-2" and so on where that is taken, under each of its names, with
  // holes where contents are lost.
  std::vector<DamagedObject> lost;
  bool is_complete = true;  // false: an owner or an attribute could not be given back, which a warning says
};

// Never leaves `folder`, whatever paths and symbolic links say, and replaces nothing that is there but folders.  What
// ends in a Failure before all contents are there leaves folders alone behind.
// Pre: `node` is one of `kept`.
Restored RestoreFiles(const StoreSnapshot& kept, const KeptNode& node, const std::string& folder, Progress& progress,
                      Output& output);
// The data of the node's only file or stream, to standard output.  Pre: as above.
Restored RestoreToOutput(const StoreSnapshot& kept, const KeptNode& node, Progress& progress);

}  // namespace holdfast::tool
