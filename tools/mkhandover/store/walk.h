// SPDX-License-Identifier: BSD-2-Clause
// Files and folders as objects.

#pragma once

#include <string>
#include <vector>

#include "tools/mkhandover/output.h"
#include "tools/mkhandover/store/progress.h"
#include "tools/mkhandover/store/saver.h"

namespace holdfast::tool {

// A file that is to be kept, and the object that it becomes.
struct FoundFile {
  std::string path;  // "-": standard input
  KeptObject object;
};

// Each FILE, and all below it, under its own name: parents before what is in them.  Names of one file with several are
// hard links of the first.  Sockets are left out with a warning.  Ends in a Failure for what cannot be read, and for
// two FILEs of one name.
std::vector<FoundFile> FindFiles(const std::vector<std::string>& files, Output& output);

// Has the saver copy or describe what they hold.  A file that is shorter than it was ends in a Failure.
void SaveFiles(const std::vector<FoundFile>& files, Saver& saver, Progress& progress);

}  // namespace holdfast::tool
