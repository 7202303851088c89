// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 (FIPS 180-4).
//
// The compression function is an argument: the generic one runs anywhere, the
// SHA-NI one only after the shell has asked CPUID and switched SSE on.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast {

using Digest = std::array<std::byte, 32>;

// Folds `count` blocks of 64 bytes into `state`.
using Sha256BlocksFn = void (*)(std::array<std::uint32_t, 8>& state, const std::byte* blocks, std::size_t count);

void Sha256Blocks(std::array<std::uint32_t, 8>& state, const std::byte* blocks, std::size_t count);
// Needs CPUID.7.0:EBX[29] (SHA), SSSE3 and SSE4.1, and CR4.OSFXSR.
void Sha256NiBlocks(std::array<std::uint32_t, 8>& state, const std::byte* blocks, std::size_t count);

class Sha256 {
 public:
  constexpr explicit Sha256(Sha256BlocksFn blocks = &Sha256Blocks) : blocks_(blocks) {}

  void Update(std::span<const std::byte> bytes);
  void UpdateZeros(std::uint64_t count);
  // Ends the message.  The object is spent afterwards.
  Digest Finish();

  static Digest Of(std::span<const std::byte> bytes, Sha256BlocksFn blocks = &Sha256Blocks);

 private:
  Sha256BlocksFn blocks_;
  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> pending_{};
  std::uint64_t total_ = 0;  // bytes
};

}  // namespace holdfast
