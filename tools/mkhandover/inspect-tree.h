// SPDX-License-Identifier: BSD-2-Clause
// What a tree of our own says, for people and for programs.

#pragma once

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/output.h"

namespace holdfast::tool {

// Adds to `out` what the handover says.
void AddTreeJson(const HandoverFile& file, Json& out);
void PrintTree(const HandoverFile& file, Output& output);
// That of its first problem.
ExitCode StatusOf(const HandoverFile& file);

}  // namespace holdfast::tool
