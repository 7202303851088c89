// SPDX-License-Identifier: BSD-2-Clause
// The EFI system partition: where it is mounted, and files on it.
//
// FAT has no journal: a file is written under a new name, flushed, renamed, and then its folder is flushed.

#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "tools/mkhandover/output.h"

namespace holdfast::tool {

// The first of efi, boot and boot/efi below `root` that is a mounted FAT with a folder EFI in it, as bootctl looks.
// Ends in a usage Failure where none is.
std::filesystem::path FindEsp(const std::filesystem::path& root);
// That folder, which has to be there.  One that is not on FAT gets a warning: it may be on its way to one.
std::filesystem::path TakeEsp(const std::filesystem::path& folder, Output& output);

// Makes the folders that are missing.
void WriteOnEsp(const std::filesystem::path& path, std::span<const std::byte> bytes);
// Whether there was such a file.
bool RemoveOnEsp(const std::filesystem::path& path);

}  // namespace holdfast::tool
