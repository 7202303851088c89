// SPDX-License-Identifier: BSD-2-Clause
// Random numbers, as far as the machine has any.

#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/arch/x86/cpu.h"
#include "common/base/byte-reader.h"
#include "common/base/stored-int.h"
#include "common/codec/sha256.h"

namespace holdfast::x86 {

// What a seed is for: seeds for different purposes say nothing of each other, nor of the kernel's own use of what
// else goes into them.
inline constexpr std::string_view kSlotSeed = "holdfast physical slot";
inline constexpr std::string_view kVirtualSeed = "holdfast virtual address";
inline constexpr std::string_view kKernelSeed = "holdfast kernel";

// RDSEED and RDRAND where they are there, the time-stamp counter, and what the caller adds, through SHA-256.
class SeedMaker {
 public:
  explicit SeedMaker(std::string_view purpose) {
    struct {
      std::uint64_t tsc;
      std::array<std::uint64_t, 4> rdseed;
      std::array<std::uint64_t, 4> rdrand;
      std::uint64_t tsc_after;
    } sample{};
    sample.tsc = Rdtsc();
    for (std::size_t i = 0; i < sample.rdseed.size(); ++i) {
      sample.rdseed[i] = HasRdseed() ? HardwareRandom<true>().value_or(0) : 0;
      sample.rdrand[i] = HasRdrand() ? HardwareRandom<false>().value_or(0) : 0;
    }
    sample.tsc_after = Rdtsc();
    hash_.Update(std::as_bytes(std::span(purpose)));
    hash_.Update(std::as_bytes(std::span(&sample, 1)));
  }

  void Add(std::span<const std::byte> entropy) { hash_.Update(entropy); }

  // Uniform over its bits as far as the machine can tell.  The object is spent afterwards.
  Digest Finish() { return hash_.Finish(); }
  std::uint64_t FinishNumber() { return ByteReader(Finish()).Read<Le64>().value().value(); }

 private:
  Sha256 hash_;
};

}  // namespace holdfast::x86
