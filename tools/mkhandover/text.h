// SPDX-License-Identifier: BSD-2-Clause
// Text for people: the one wrapper around fmt.

#pragma once

#include <fmt/core.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "common/mem/memory-map.h"
#include "common/mem/phys-range.h"

namespace holdfast::tool {

// Once for all arguments: what formats them is most of the library, and compiled in text.cc alone.
std::string FormatAll(fmt::string_view pattern, fmt::format_args args);

template <typename... Args>
std::string Format(fmt::format_string<Args...> pattern, Args&&... args) {
  return FormatAll(pattern, fmt::make_format_args(args...));
}

// "0x1000"
std::string Hex(std::uint64_t value);
// "0x0000000000001000"; columns of these line up.
std::string HexWide(std::uint64_t value);
// "5eed..", two digits a byte.
std::string HexDigits(std::span<const std::byte> bytes);
// "64 MiB"
std::string SizeText(std::uint64_t bytes);
// "1 range", "2 ranges"
std::string CountText(std::uint64_t count, std::string_view noun);
// "1 entry", "2 entries"
std::string EntriesText(std::uint64_t count);
// "[0x1000, 0x3000)"
std::string RangeText(PhysRange range);
// "usable", "reserved", "type 20"
std::string TypeText(MemType type);
// Bytes from outside: whatever a terminal might obey becomes '?'.
std::string Printable(std::string_view text);

std::string_view Trim(std::string_view text);

}  // namespace holdfast::tool
