// SPDX-License-Identifier: BSD-2-Clause
// The command line: words in, one verb run, an exit status out.

#pragma once

namespace holdfast::tool {

// Results go to standard output, messages to standard error.
int RunTool(int argc, const char* const* argv);

}  // namespace holdfast::tool
