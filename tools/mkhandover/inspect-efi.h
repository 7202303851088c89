// SPDX-License-Identifier: BSD-2-Clause
// What an EFI application has in its sections.

#pragma once

#include <optional>
#include <string>

#include "tools/mkhandover/efi-file.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/output.h"

namespace holdfast::tool {

// Prints the sections, and what the texts and the handover among them say.  `memory` is where its range-lists lie.
ExitCode InspectEfi(const EfiFile& file, const std::optional<std::string>& memory, Output& output);

}  // namespace holdfast::tool
