// SPDX-License-Identifier: BSD-2-Clause
// Text put together in a buffer of fixed size.

#include "common/base/text-writer.h"

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

void TextWriter::Put(char c) {
  if (truncated_) {
    return;
  }
  if (size_ < storage_.size()) {
    storage_[size_++] = c;
    return;
  }
  truncated_ = true;
  for (std::size_t i = size_ - std::min<std::size_t>(size_, 3); i < size_; ++i) {
    storage_[i] = '.';
  }
}

TextWriter& TextWriter::Text(std::string_view text) {
  for (const char c : text) {
    Put(c);
  }
  return *this;
}

TextWriter& TextWriter::Untrusted(std::string_view text) {
  for (const char c : text) {
    Put(c >= ' ' && c <= '~' ? c : '?');
  }
  return *this;
}

TextWriter& TextWriter::Dec(std::uint64_t value) {
  std::array<char, 20> digits{};  // 2^64 - 1 has 20.
  std::size_t first = digits.size();
  do {
    digits[--first] = kDigits[value % 10];
    value /= 10;
  } while (value != 0);
  return Text({digits.data() + first, digits.size() - first});
}

TextWriter& TextWriter::Hex(std::uint64_t value) {
  std::array<char, 16> digits{};
  std::size_t first = digits.size();
  do {
    digits[--first] = kDigits[value % 16];
    value /= 16;
  } while (value != 0);
  return Text("0x").Text({digits.data() + first, digits.size() - first});
}

TextWriter& TextWriter::HexBytes(std::span<const std::byte> bytes) {
  for (const std::byte b : bytes) {
    const auto value = static_cast<unsigned>(b);
    Put(kDigits[value / 16]);
    Put(kDigits[value % 16]);
  }
  return *this;
}

TextWriter& TextWriter::Size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 7> kUnits = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
  std::size_t unit = 0;
  while (bytes >> 10 >> (10 * unit) != 0) {
    ++unit;
  }
  const std::uint64_t rest = bytes & ((std::uint64_t{1} << (10 * unit)) - 1);
  Dec(bytes >> (10 * unit));
  if (rest != 0) {
    Text(".").Dec(rest * 10 >> (10 * unit));  // rest < 2^60, so the product fits.
  }
  return Text(kUnits[unit]);
}

TextWriter& TextWriter::Count(std::uint64_t count, std::string_view noun) {
  Dec(count).Text(" ").Text(noun);
  return count == 1 ? *this : Text("s");
}

}  // namespace holdfast
