// SPDX-License-Identifier: BSD-2-Clause
// A node's objects as files again.

#pragma once

#include <string>
#include <vector>

#include "tools/mkhandover/output.h"
#include "tools/mkhandover/store/progress.h"
#include "tools/mkhandover/store/store.h"

namespace holdfast::tool {

// Verified and decoded bytes of an extent; kContentsLost (where: offset in the object) if they are not what the digest
// says.  `buffer` is used where they have to be decoded.
Result<std::span<const std::byte>> ReadExtent(Store& store, const StoreExtent& extent, std::vector<std::byte>& buffer);

// What went wrong with one object.
struct LostObject {
  std::string path;
  std::uint64_t offset = 0;
};

struct Restored {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  std::vector<LostObject> lost;  // what lies there ends in ".damaged", with holes where contents are lost
  bool is_complete = true;       // false: an owner or an attribute could not be given back, which a warning says
};

// Never leaves `folder`, whatever paths and symbolic links say, and replaces nothing that is there but folders.
Restored RestoreFiles(Store& store, const KeptNode& node, const std::string& folder, Progress& progress,
                      Output& output);
// The data of the node's only file or stream, to standard output.
Restored RestoreToOutput(Store& store, const KeptNode& node, Progress& progress);

}  // namespace holdfast::tool
