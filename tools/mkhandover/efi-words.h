// SPDX-License-Identifier: BSD-2-Clause
// The words of the command line that have to do with firmware; tool.cc has the others.

#pragma once

#include <CLI/CLI.hpp>

#include "tools/mkhandover/commands.h"

namespace holdfast::tool {

// bundle --efi and what goes with it.  Pre: the options of a bundle are there.
void AddEfiWords(CLI::App* verb, BundleOptions& options);
void AddInstallWords(CLI::App* verb, InstallOptions& options);
void AddVariableWords(CLI::App* verb, VariableOptions& options);

}  // namespace holdfast::tool
