// SPDX-License-Identifier: BSD-2-Clause
// The runs of ones in a stored bitmap.

#pragma once

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
    while (word_ == 0) {
      if (next_ >= bits_) {
        return std::nullopt;
      }
      Load();
    }
    const int zeros = std::countr_zero(word_);
    const std::uint64_t first = next_ - kWord + static_cast<unsigned>(zeros);
    BitRun run{first, TakeOnes(zeros)};
    while (run.first + run.count == next_ && next_ < bits_) {
      Load();
      run.count += TakeOnes(0);
    }
    return run;
  }

 private:
  static constexpr std::uint64_t kWord = 64;

  void Load() {
    Le64 word;
    std::memcpy(&word, bytes_.data() + next_ / 8, sizeof(word));
    const std::uint64_t rest = bits_ - next_;
    word_ = rest < kWord ? word.value() & ((std::uint64_t{1} << rest) - 1) : word.value();
    next_ += kWord;
  }
  // How many ones stand behind `zeros` zeros in the word, which loses them.
  std::uint64_t TakeOnes(int zeros) {
    const int ones = std::countr_one(word_ >> zeros);
    const int taken = zeros + ones;
    word_ = taken < 64 ? word_ >> taken << taken : 0;
    return static_cast<std::uint64_t>(ones);
  }

  std::span<const std::byte> bytes_;
  std::uint64_t bits_;
  std::uint64_t next_ = 0;  // the first bit behind the word
  std::uint64_t word_ = 0;  // what is left of it
};

}  // namespace holdfast
