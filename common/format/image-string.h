// SPDX-License-Identifier: BSD-2-Clause
// Whether a program carries a string.

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace holdfast {

// Does `text` stand in `image` as a whole string of C: a NUL behind it, and a NUL, or nothing, before it?  A longer
// string that ends in it does not count.  Pre: the text is not empty, has no NUL and at most 64 bytes.
bool CarriesString(std::span<const std::byte> image, std::string_view text);

}  // namespace holdfast
