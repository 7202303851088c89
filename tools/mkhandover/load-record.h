// SPDX-License-Identifier: BSD-2-Clause
// What the last `load --store` of this boot loaded, for whoever loads it again when /boot may be gone.
//
// A folder in /run with copies of all that went into it, and a record in JSON that names them with their SHA-256.  The
// copies come first, under names that no record has yet, then the record: whoever stops in between leaves the old
// state.

#pragma once

#include <filesystem>

#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/load-plan.h"

namespace holdfast::tool {

// Below the root.
inline constexpr const char* kLoadFolder = "run/holdfast";

// Ends in a Failure where something cannot be written, and where the kernel's file is not what was loaded any more.
// Pre: `plan` was made of `options`, which have a store.
void WriteLoadRecord(const LoadOptions& options, const LoadPlan& plan);
// No record any more, nor copies.
void RemoveLoadRecord(const std::filesystem::path& root);
bool HasLoadRecord(const std::filesystem::path& root);
// Options that load the copies.  Ends in a Failure for a record that is not exactly as this version writes
// it, and for a copy that is not what the record says.
LoadOptions ReadLoadRecord(const std::filesystem::path& root);

}  // namespace holdfast::tool
