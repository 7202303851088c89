// SPDX-License-Identifier: BSD-2-Clause
// mkhandover inspect, of the dialects that are not ours.

#pragma once

#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/output.h"

namespace holdfast::tool {

// Pre: file.tree() is null.
Json ForeignJson(const HandoverFile& file, Output& output);
void PrintForeign(const HandoverFile& file, Output& output);

}  // namespace holdfast::tool
