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
// --store [DIR] of a verb that can do without; `with_store` says that it stood there.
CLI::Option* AddStoreOption(CLI::App* verb, bool& with_store, StoreChoice& store, const char* help);

}  // namespace holdfast::tool
