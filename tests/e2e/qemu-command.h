// SPDX-License-Identifier: BSD-2-Clause
// From a guest's options to its initramfs and QEMU's command line.

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/e2e/guest-link.h"
#include "tests/e2e/guest.h"

namespace holdfast::e2e {

// Writes the archive with all that `options` puts into the guest.
void WriteInitramfs(const GuestOptions& options, const std::filesystem::path& file);

// `folder` holds the initramfs as "initramfs", and gets what else QEMU needs.
std::vector<std::string> QemuCommand(const GuestOptions& options, const std::filesystem::path& folder,
                                     const LineEnds& ends, const GuestMemory& memory);

}  // namespace holdfast::e2e
