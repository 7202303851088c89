// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 (FIPS 180-4) with the SHA extensions.
//
// Source: Intel 64 and IA-32 Architectures SDM, vol. 2: SHA256RNDS2, SHA256MSG1, SHA256MSG2.  The only file that
// may use vector registers.

#include <immintrin.h>

#include <utility>

#include "common/codec/sha256-constants.h"
#include "common/codec/sha256.h"

namespace holdfast {
namespace {

constexpr std::size_t kBlockSize = 64;
constexpr std::size_t kQuads = 16;  // groups of four rounds

[[gnu::always_inline]] inline __m128i Load(const void* from) {
  __m128i out;
  __builtin_memcpy(&out, from, sizeof(out));  // Not std::memcpy: to a freestanding compiler that is a call.
  return out;
}

// The instructions want the eight working variables as A B E F and C D G H, from the high word down.
struct Sha256NiState {
  __m128i abef;
  __m128i cdgh;
};

using Quads = __m128i[kQuads];

// Four words of the message schedule, and in `out` their sums with the rounds' constants.  The first sixteen words
// are the block; then w[t] = s1(w[t-2]) + w[t-7] + s0(w[t-15]) + w[t-16], with w[t-16 ... t-1] in the four quads.
template <std::size_t kQuad>
[[gnu::always_inline]] inline void Schedule(__m128i (&w)[4], const std::byte* block, __m128i& out) {
  __m128i& words = w[kQuad % 4];
  if constexpr (kQuad < 4) {
    const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    words = _mm_shuffle_epi8(Load(block + 16 * kQuad), big_endian);
  } else {
    const __m128i before = w[(kQuad + 3) % 4];
    const __m128i seven_back = _mm_alignr_epi8(before, w[(kQuad + 2) % 4], 4);
    words = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(words, w[(kQuad + 1) % 4]), seven_back), before);
  }
  out = _mm_add_epi32(words, Load(&kSha256K[4 * kQuad]));
}

// Two rounds each: the new A B E F comes out, and the old one is the new C D G H.
[[gnu::always_inline]] inline void FourRounds(Sha256NiState& s, __m128i input) {
  s.cdgh = _mm_sha256rnds2_epu32(s.cdgh, s.abef, input);
  s.abef = _mm_sha256rnds2_epu32(s.abef, s.cdgh, _mm_shuffle_epi32(input, 0x0e));
}

template <std::size_t... kIndex>
[[gnu::always_inline]] inline void ScheduleAll(const std::byte* block, Quads& inputs, std::index_sequence<kIndex...>) {
  __m128i w[4];
  (Schedule<kIndex>(w, block, inputs[kIndex]), ...);
}

// The rounds of one block, and in their shadow the schedule of the next: each waits for its own last result, so
// both together take little longer than one.
template <std::size_t... kIndex>
[[gnu::always_inline]] inline void AllRounds(Sha256NiState& s, Quads& inputs, const std::byte* next,
                                             std::index_sequence<kIndex...>) {
  __m128i w[4];
  ((FourRounds(s, inputs[kIndex]), Schedule<kIndex>(w, next, inputs[kIndex])), ...);
}

}  // namespace

void Sha256NiBlocks(std::array<std::uint32_t, 8>& state, const std::byte* blocks, std::size_t count) {
  // Named from the low word up, as they lie in memory.
  const __m128i abcd = Load(&state[0]);
  const __m128i efgh = Load(&state[4]);
  const __m128i badc = _mm_shuffle_epi32(abcd, 0xb1);
  const __m128i hgfe = _mm_shuffle_epi32(efgh, 0x1b);
  Sha256NiState s = {_mm_alignr_epi8(badc, hgfe, 8), _mm_blend_epi16(hgfe, badc, 0xf0)};

  if (count == 0) {
    return;
  }
  constexpr auto kAll = std::make_index_sequence<kQuads>();
  Quads inputs;
  ScheduleAll(blocks, inputs, kAll);
  for (; count != 0; --count) {
    const Sha256NiState before = s;
    blocks += count == 1 ? 0 : kBlockSize;  // After the last block its own schedule is made once more, for nobody.
    AllRounds(s, inputs, blocks, kAll);
    s.abef = _mm_add_epi32(s.abef, before.abef);
    s.cdgh = _mm_add_epi32(s.cdgh, before.cdgh);
  }

  const __m128i abef = _mm_shuffle_epi32(s.abef, 0x1b);
  const __m128i ghcd = _mm_shuffle_epi32(s.cdgh, 0xb1);
  const __m128i first = _mm_blend_epi16(abef, ghcd, 0xf0);
  const __m128i second = _mm_alignr_epi8(ghcd, abef, 8);
  __builtin_memcpy(&state[0], &first, sizeof(first));
  __builtin_memcpy(&state[4], &second, sizeof(second));
}

}  // namespace holdfast
