// SPDX-License-Identifier: BSD-2-Clause
// What goes into a handover from this machine: its record of RAM, and a store.

#pragma once

#include <filesystem>
#include <memory>

#include "tools/mkhandover/draft.h"
#include "tools/mkhandover/output.h"
#include "tools/mkhandover/owned-map.h"
#include "tools/mkhandover/report-file.h"
#include "tools/mkhandover/store/store.h"

namespace holdfast::tool {

// The report of this boot; null where there is none, or none that can be read, of which a warning tells.  `root` stands
// for "/", here and below: tests bring a tree of their own.
std::unique_ptr<ReportFile> AskForReport(const std::filesystem::path& root, Output& output);

// What firmware said of memory, as this kernel was given it; null where the kernel does not show it.
std::unique_ptr<OwnedMap> MapOfThisMachine(const std::filesystem::path& root);

void AddRamOf(const MemoryMap& map, Draft& draft);
// What was RAM before anything was fenced: what this kernel was given as RAM, and what an earlier stage took away
// from it.  Not to know it is no failure: then nothing that is reserved by now can be kept.  Each may be null.
void AddRamOfThisMachine(const OwnedMap* map, const ReportFile* report, Draft& draft, Output& output);

// All that the store keeps, where the store found it at its last Commit(), which goes into the record of RAM if there
// is one.  Ends in a Failure of kind usage where a name of it is taken.
void AddStore(const Store& store, Draft& draft, Output& output);

// Finishes it, and says what does not go back to the system though nobody needs it.
void Finish(Draft& draft, Output& output);

}  // namespace holdfast::tool
