// SPDX-License-Identifier: BSD-2-Clause
// Text put together in a buffer of fixed size.
//
// A line that does not fit ends in "..." and truncated() says so; a boot never
// stops for the length of a line.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace holdfast {

class TextWriter {
 public:
  constexpr explicit TextWriter(std::span<char> storage) : storage_(storage) {}
  TextWriter(const TextWriter&) = delete;
  TextWriter& operator=(const TextWriter&) = delete;

  TextWriter& Text(std::string_view text);
  // Bytes that came from outside: anything that is not printable ASCII becomes '?'.
  TextWriter& Untrusted(std::string_view text);
  TextWriter& Dec(std::uint64_t value);
  // 0x, lower case, no leading zeros.
  TextWriter& Hex(std::uint64_t value);
  // Lower case, two digits a byte, no prefix.
  TextWriter& HexBytes(std::span<const std::byte> bytes);
  // A number of bytes in the largest unit of 1024 in which it is at least 1: "64 MiB"
  // where that is exact, else with one decimal rounded down: "1.5 GiB"; "0 B".
  TextWriter& Size(std::uint64_t bytes);
  // "1 range", "2 ranges": the noun takes an s for any count but one.
  TextWriter& Count(std::uint64_t count, std::string_view noun);

  constexpr std::string_view view() const { return {storage_.data(), size_}; }
  constexpr bool truncated() const { return truncated_; }
  constexpr void Clear() {
    size_ = 0;
    truncated_ = false;
  }

 private:
  void Put(char c);

  std::span<char> storage_;
  std::size_t size_ = 0;
  bool truncated_ = false;
};

template <std::size_t N>
class TextStorage {
 protected:
  std::array<char, N> chars_{};
};

// A writer with its own storage.
template <std::size_t N>
class TextBuffer : private TextStorage<N>, public TextWriter {
 public:
  constexpr TextBuffer() : TextWriter(std::span<char>(this->chars_)) {}
};

// A line of the stage's is at most this long.
using LineBuffer = TextBuffer<240>;

}  // namespace holdfast
