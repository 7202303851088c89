// SPDX-License-Identifier: BSD-2-Clause
// Text for people: the one wrapper around fmt.

// Debian has no static library of fmt: here, and nowhere else, its headers are all of it.
#define FMT_HEADER_ONLY

#include "tools/mkhandover/text.h"

#include "common/base/text-writer.h"
#include "common/console/wording.h"

namespace holdfast::tool {

std::string FormatAll(fmt::string_view pattern, fmt::format_args args) { return fmt::vformat(pattern, args); }

std::string Hex(std::uint64_t value) { return Format("{:#x}", value); }

std::string HexWide(std::uint64_t value) { return Format("{:#018x}", value); }

std::string HexDigits(std::span<const std::byte> bytes) {
  std::string out;
  for (const std::byte byte : bytes) {
    out += Format("{:02x}", std::to_integer<unsigned>(byte));
  }
  return out;
}

std::string SizeText(std::uint64_t bytes) {
  TextBuffer<64> text;
  text.Size(bytes);
  return std::string(text.view());
}

std::string CountText(std::uint64_t count, std::string_view noun) {
  TextBuffer<128> text;
  text.Count(count, noun);
  return std::string(text.view());
}

std::string EntriesText(std::uint64_t count) { return Format("{} {}", count, count == 1 ? "entry" : "entries"); }

std::string RangeText(PhysRange range) {
  TextBuffer<64> text;
  AppendRange(text, range);
  return std::string(text.view());
}

std::string TypeText(MemType type) {
  TextBuffer<64> text;
  AppendMemType(text, type);
  return std::string(text.view());
}

std::string Printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c < ' ' || c > '~') {
      c = '?';
    }
  }
  return out;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace holdfast::tool
