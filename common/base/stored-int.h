// SPDX-License-Identifier: BSD-2-Clause
// Integers as they lie in stored bytes: no alignment, a fixed byte order.
//
// A stored integer is not a number until it is asked for one, so that a raw load
// of the wrong endianness does not compile.

#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace holdfast {

template <std::unsigned_integral T, std::endian E>
class StoredInt {
 public:
  constexpr StoredInt() = default;
  constexpr explicit StoredInt(T value) { Set(value); }

  constexpr T value() const {
    if constexpr (E == std::endian::native) {
      return std::bit_cast<T>(bytes_);  // One load, where a loop is eight and a check of each index.
    }
    T out = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      const std::size_t at = E == std::endian::little ? sizeof(T) - 1 - i : i;
      out = static_cast<T>(static_cast<T>(out << 7) << 1) | static_cast<T>(bytes_[at]);
    }
    return out;
  }

  constexpr void Set(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      const std::size_t at = E == std::endian::little ? i : sizeof(T) - 1 - i;
      bytes_[at] = static_cast<std::byte>((value >> (8 * i)) & 0xff);
    }
  }

  constexpr bool operator==(const StoredInt&) const = default;

 private:
  std::array<std::byte, sizeof(T)> bytes_{};
};

using Le16 = StoredInt<std::uint16_t, std::endian::little>;
using Le32 = StoredInt<std::uint32_t, std::endian::little>;
using Le64 = StoredInt<std::uint64_t, std::endian::little>;
using Be32 = StoredInt<std::uint32_t, std::endian::big>;
using Be64 = StoredInt<std::uint64_t, std::endian::big>;

static_assert(sizeof(Le64) == 8 && alignof(Le64) == 1 && sizeof(Be32) == 4);

}  // namespace holdfast
