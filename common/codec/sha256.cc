// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 (FIPS 180-4) in plain integers.

#include "common/codec/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "common/base/stored-int.h"
#include "common/codec/sha256-constants.h"

namespace holdfast {
namespace {

constexpr std::size_t kBlockSize = 64;
constexpr std::size_t kRounds = kSha256K.size();

constexpr std::array<std::byte, 16 * kBlockSize> kZeros{};

using Words = std::array<std::uint32_t, 16>;

// The working variables of FIPS 180-4, 6.2.2.  They keep their places, and their letters move through them.
struct Working {
  std::array<std::uint32_t, 8> s;
  std::uint32_t b_xor_c;
};

// One round with its number known to the compiler, so that every index below is too and the working variables
// stay in registers.
template <std::size_t kRound>
[[gnu::always_inline]] inline void Round(Working& v, Words& w) {
  std::uint32_t& word = w[kRound % 16];
  if constexpr (kRound < 16) {
    word = __builtin_bswap32(word);
  } else {
    const std::uint32_t w15 = w[(kRound + 1) % 16];
    const std::uint32_t w2 = w[(kRound + 14) % 16];
    word += (std::rotr(w15, 7) ^ std::rotr(w15, 18) ^ (w15 >> 3)) + w[(kRound + 9) % 16] +
            (std::rotr(w2, 17) ^ std::rotr(w2, 19) ^ (w2 >> 10));
  }
  constexpr std::uint32_t kConstant = kSha256K[kRound];
  constexpr auto kAt = [](std::size_t letter) { return (letter + kRounds - kRound) % 8; };
  const std::uint32_t a = v.s[kAt(0)];
  const std::uint32_t b = v.s[kAt(1)];
  const std::uint32_t e = v.s[kAt(4)];
  const std::uint32_t f = v.s[kAt(5)];
  const std::uint32_t g = v.s[kAt(6)];
  // Nested, three rotations of one value need no copies of it: 6 + 5 + 14 = 25, 2 + 11 + 9 = 22.
  const std::uint32_t sum1 = std::rotr(e ^ std::rotr(e ^ std::rotr(e, 14), 5), 6);
  const std::uint32_t sum0 = std::rotr(a ^ std::rotr(a ^ std::rotr(a, 9), 11), 2);
  const std::uint32_t choice = g ^ (e & (f ^ g));
  // The same function as in 4.1.2; a ^ b is b ^ c of the next round.
  const std::uint32_t a_xor_b = a ^ b;
  const std::uint32_t majority = b ^ (a_xor_b & v.b_xor_c);
  v.b_xor_c = a_xor_b;
  const std::uint32_t t1 = v.s[kAt(7)] + kConstant + word + choice + sum1;
  v.s[kAt(3)] += t1;
  v.s[kAt(7)] = t1 + sum0 + majority;
}

template <std::size_t... kIndex>
[[gnu::always_inline]] inline void AllRounds(Working& v, Words& w, std::index_sequence<kIndex...>) {
  (Round<kIndex>(v, w), ...);
}

}  // namespace

void Sha256Blocks(std::array<std::uint32_t, 8>& state, const std::byte* blocks, std::size_t count) {
  for (; count != 0; --count, blocks += kBlockSize) {
    Words w;
    __builtin_memcpy(w.data(), blocks, sizeof(w));  // Not std::memcpy: to a freestanding compiler that is a call.
    Working v{state, state[1] ^ state[2]};
    AllRounds(v, w, std::make_index_sequence<kRounds>());
    for (std::size_t i = 0; i < state.size(); ++i) {
      state[i] += v.s[i];
    }
  }
}

void Sha256::Update(std::span<const std::byte> bytes) {
  const auto pending = static_cast<std::size_t>(total_ % kBlockSize);
  total_ += bytes.size();
  if (pending != 0) {
    const std::size_t taken = std::min(kBlockSize - pending, bytes.size());
    if (taken != 0) {
      std::memcpy(pending_.data() + pending, bytes.data(), taken);
    }
    if (pending + taken < kBlockSize) {
      return;
    }
    blocks_(state_, pending_.data(), 1);
    bytes = bytes.subspan(taken);
  }
  if (const std::size_t whole = bytes.size() / kBlockSize; whole != 0) {
    blocks_(state_, bytes.data(), whole);
    bytes = bytes.subspan(whole * kBlockSize);
  }
  if (!bytes.empty()) {
    std::memcpy(pending_.data(), bytes.data(), bytes.size());
  }
}

void Sha256::UpdateZeros(std::uint64_t count) {
  while (count != 0) {
    const std::uint64_t size = std::min<std::uint64_t>(count, kZeros.size());
    Update(std::span(kZeros).first(static_cast<std::size_t>(size)));
    count -= size;
  }
}

Digest Sha256::Finish() {
  // FIPS 180-4, 5.1.1: a one bit, zeros up to 56 modulo 64, the length in bits.
  const StoredInt<std::uint64_t, std::endian::big> bits(total_ * 8);
  constexpr std::array<std::byte, 1> kOneBit = {std::byte{0x80}};
  Update(kOneBit);
  UpdateZeros((2 * kBlockSize - sizeof(bits) - total_ % kBlockSize) % kBlockSize);
  Update(std::as_bytes(std::span(&bits, 1)));

  std::array<Be32, 8> words;
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i].Set(state_[i]);
  }
  return std::bit_cast<Digest>(words);
}

Digest Sha256::Of(std::span<const std::byte> bytes, Sha256BlocksFn blocks) {
  Sha256 sha(blocks);
  sha.Update(bytes);
  return sha.Finish();
}

}  // namespace holdfast
