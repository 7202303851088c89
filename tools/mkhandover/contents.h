// SPDX-License-Identifier: BSD-2-Clause
// Is what is kept still what its digests say?  As the application asks it, of captured memory or this machine's.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/mem/problem.h"
#include "tools/mkhandover/handover-file.h"

namespace holdfast::tool {

struct ContentFindings {
  std::size_t verified = 0;  // names
  std::size_t without = 0;   // names whose owner gave no digest
  std::vector<Problem> lost;
};

// Pre: file.tree() is not null; the findings borrow from `file`.  Ends in a Failure for memory that cannot be read.
// Nothing is read where no name has a digest.
ContentFindings FindLostContents(const HandoverFile& file, const std::string& memory);

// Whether some name has one.
bool HasDigests(const HandoverFile& file);

}  // namespace holdfast::tool
