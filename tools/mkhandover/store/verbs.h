// SPDX-License-Identifier: BSD-2-Clause
// The words of the verbs that use a store.

#pragma once

#include <CLI/CLI.hpp>

#include "tools/mkhandover/commands.h"

namespace holdfast::tool {

// Each fills `options`, which outlive the verb.
void AddKeepOptions(CLI::App* verb, KeepOptions& options);
void AddListOptions(CLI::App* verb, ListOptions& options);
void AddRestoreOptions(CLI::App* verb, RestoreOptions& options);
void AddDropOptions(CLI::App* verb, DropOptions& options);

}  // namespace holdfast::tool
