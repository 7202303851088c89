// SPDX-License-Identifier: BSD-2-Clause
// Text for firmware, which speaks UTF-16.
//
// Source: The Unicode Standard 15, 3.9 (table 3-7, well-formed UTF-8).

#pragma once

#include <string_view>

#include "common/base/bounded-vector.h"

namespace holdfast {

// Appends the text.  kMalformed (where: byte offset of what is no character); kTableFull.
Status AppendUtf16(std::string_view utf8, BoundedVector<char16_t>& out);

}  // namespace holdfast
