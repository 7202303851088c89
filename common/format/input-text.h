// SPDX-License-Identifier: BSD-2-Clause
// Texts that come with a kernel: its command line in a section or a file, what a loader says, os-release.
//
// Sources: systemd-stub(7), .cmdline; os-release(5); UEFI 2.10, 2.3.1 (text is UTF-16).

#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "common/base/bounded-vector.h"

namespace holdfast {

// Makes one line of it, in place, and says how long that is: NULs and white space at its end go, control characters
// inside become spaces, as systemd-stub has it.  kMalformed (where: byte offset): a NUL inside.
Result<std::size_t> CleanLine(std::span<char> text);

// Appends the text as UTF-8.  kMalformed (where: byte offset in the text): half of a surrogate pair; kTableFull.
Status AppendUtf8(std::u16string_view text, BoundedVector<char>& out);

// The value of PRETTY_NAME, without its quotes; nullopt without one.
std::optional<std::string_view> FindPrettyName(std::string_view os_release);

}  // namespace holdfast
