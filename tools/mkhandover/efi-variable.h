// SPDX-License-Identifier: BSD-2-Clause
// The EFI variable that says where the handover is, through efivarfs.
//
// Layout: common/abi/handover-variable.h, behind four bytes of attributes (Documentation/filesystems/efivarfs.rst).

#pragma once

#include <filesystem>
#include <optional>

#include "common/format/handover-variable.h"

namespace holdfast::tool {

// The variable's file below `root`, which stands for "/".  Ends in a Failure where there are no EFI variables.
std::filesystem::path HandoverVariableFile(const std::filesystem::path& root);

// nullopt: it is not set.  Ends in a Failure for one that does not decode.
std::optional<HandoverVariable> ReadHandoverVariable(const std::filesystem::path& file);
// In one write, as efivarfs wants it; what protects it from being written is taken away before.
void WriteHandoverVariable(const std::filesystem::path& file, const HandoverVariable& variable);
// Whether it was set.
bool RemoveHandoverVariable(const std::filesystem::path& file);

}  // namespace holdfast::tool
