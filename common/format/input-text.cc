// SPDX-License-Identifier: BSD-2-Clause
// Texts that come with a kernel.

#include "common/format/input-text.h"

#include <algorithm>
#include <cstdint>

namespace holdfast {
namespace {

constexpr char32_t kFirstHigh = 0xd800;  // the first half of a surrogate pair
constexpr char32_t kFirstLow = 0xdc00;   // the second
constexpr char32_t kPastLow = 0xe000;

// ASCII's, and its DEL.
bool IsControl(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }
bool EndsLine(char c) { return c == '\0' || c == ' ' || (c >= '\t' && c <= '\r'); }

// The character that begins at `i`, which moves behind it.
Result<char32_t> TakeCharacter(std::u16string_view text, std::size_t& i) {
  const std::size_t at = i;
  const char32_t first = text[i++];
  if (first < kFirstHigh || first >= kPastLow) {
    return first;
  }
  if (first >= kFirstLow || i == text.size() || text[i] < kFirstLow || text[i] >= kPastLow) {
    return Error{Errc::kMalformed, at * sizeof(char16_t)};
  }
  return 0x10000 + ((first - kFirstHigh) << 10) + (text[i++] - kFirstLow);
}

Status AppendCharacter(char32_t c, BoundedVector<char>& out) {
  const auto continued = [c](unsigned shift) { return static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) {
    return out.Append(static_cast<char>(c));
  }
  if (c < 0x800) {
    TRY(out.Append(static_cast<char>(0xc0 | c >> 6)));
    return out.Append(continued(0));
  }
  if (c < 0x10000) {
    TRY(out.Append(static_cast<char>(0xe0 | c >> 12)));
    TRY(out.Append(continued(6)));
    return out.Append(continued(0));
  }
  TRY(out.Append(static_cast<char>(0xf0 | c >> 18)));
  TRY(out.Append(continued(12)));
  TRY(out.Append(continued(6)));
  return out.Append(continued(0));
}

std::string_view WithoutQuotes(std::string_view value) {
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front()) {
    value.remove_prefix(1);
    value.remove_suffix(1);
  }
  return value;
}

}  // namespace

Result<std::size_t> CleanLine(std::span<char> text) {
  std::size_t size = text.size();
  while (size != 0 && EndsLine(text[size - 1])) {
    --size;
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (text[i] == '\0') {
      return Error{Errc::kMalformed, i};
    }
    text[i] = IsControl(text[i]) ? ' ' : text[i];
  }
  return size;
}

Status AppendUtf8(std::u16string_view text, BoundedVector<char>& out) {
  for (std::size_t i = 0; i < text.size();) {
    TRY_ASSIGN(const char32_t c, TakeCharacter(text, i));
    TRY(AppendCharacter(c, out));
  }
  return kDone;
}

std::optional<std::string_view> FindPrettyName(std::string_view os_release) {
  constexpr std::string_view kKey = "PRETTY_NAME=";
  for (std::string_view rest = os_release; !rest.empty();) {
    std::string_view line(rest.data(), std::min(rest.find('\n'), rest.size()));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (!line.starts_with(kKey)) {
      continue;
    }
    line.remove_prefix(kKey.size());
    while (!line.empty() && EndsLine(line.back())) {
      line.remove_suffix(1);
    }
    return WithoutQuotes(line);
  }
  return std::nullopt;
}

}  // namespace holdfast
