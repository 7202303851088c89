// SPDX-License-Identifier: BSD-2-Clause
// Bytes as text that a serial line and a shell leave alone (RFC 4648, section 4).

#pragma once

#include <string>
#include <string_view>

namespace holdfast::e2e {

std::string Base64(std::string_view bytes);

// Line ends and padding are skipped.
std::string FromBase64(std::string_view text);

}  // namespace holdfast::e2e
