// SPDX-License-Identifier: BSD-2-Clause
// The program.

#include "tools/mkhandover/tool.h"

int main(int argc, char** argv) { return holdfast::tool::RunTool(argc, argv); }
