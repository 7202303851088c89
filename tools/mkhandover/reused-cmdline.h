// SPDX-License-Identifier: BSD-2-Clause
// This kernel's command line, made fit for the next one.

#pragma once

#include <string>
#include <string_view>

namespace holdfast::tool {

// Without what speaks of the last boot alone: BOOT_IMAGE= and kexec_jump_back_entry=; and without holdfast= unless
// `keeps_handovers`.  What stands behind "--" is not the kernel's, and stays.
std::string ReuseCommandLine(std::string_view line, bool keeps_handovers);

}  // namespace holdfast::tool
