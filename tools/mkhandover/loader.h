// SPDX-License-Identifier: BSD-2-Clause
// One load of the stage and a kernel, with the kernel's own calls.

#pragma once

#include "tools/mkhandover/commands.h"

namespace holdfast::tool {

// Plans, says what will happen, loads, and, where the options say so, jumps.  What is not fit to be started any more by
// then does not stay loaded.  Ends in PagesMoved where a page of the store has moved on the way.
ExitCode LoadOnce(const LoadOptions& options, Output& output);

// Forgets what was loaded; warns where the kernel does not let it go.
void Unload(Output& output);

}  // namespace holdfast::tool
