// SPDX-License-Identifier: BSD-2-Clause
// The runs of ones in a stored bitmap.

#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "common/base/result.h"
#include "common/base/stored-int.h"

namespace holdfast {

struct BitRun {
  std::uint64_t first = 0;
  std::uint64_t count = 0;

  constexpr bool operator==(const BitRun&) const = default;
};

// Bit n is bit n % 64 of the little-endian 64-bit word n / 64.
class BitRuns {
 public:
  // Pre: `bytes` are whole words, of at least `bits` bits.  Bits from `bits` on are not looked at.
  BitRuns(std::span<const std::byte> bytes, std::uint64_t bits) : bytes_(bytes), bits_(bits) {
    Require(bytes.size() % sizeof(Le64) == 0 && bits <= std::uint64_t{bytes.size()} * 8);
  }

  // The next run, as long as it goes.
  std::optional<BitRun> Next() {
    const std::uint64_t first = FirstFrom(position_, 0);
    if (first == bits_) {
      return std::nullopt;
    }
    position_ = FirstFrom(first, ~std::uint64_t{0});
    return BitRun{first, position_ - first};
  }

 private:
  // The first one from `bit` on; the first zero with `flip` of ones; bits_ when there is none.
  std::uint64_t FirstFrom(std::uint64_t bit, std::uint64_t flip) const {
    while (bit < bits_) {
      Le64 word;
      std::memcpy(&word, bytes_.data() + bit / 64 * sizeof(word), sizeof(word));
      const std::uint64_t rest = (word.value() ^ flip) >> (bit % 64);
      if (rest != 0) {
        return std::min(bits_, bit + static_cast<unsigned>(std::countr_zero(rest)));
      }
      bit = (bit / 64 + 1) * 64;
    }
    return bits_;
  }

  std::span<const std::byte> bytes_;
  std::uint64_t bits_;
  std::uint64_t position_ = 0;
};

}  // namespace holdfast
