// SPDX-License-Identifier: BSD-2-Clause
// The bytes that tests keep: a page's content follows from a seed and its number.
//
// Guest programs and the harness include this one file, so what a guest wrote
// can be judged by either.  No two pages of a file are alike, and none repeats
// for another seed.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace holdfast::e2e {

inline constexpr std::size_t kPageSize = 4096;

using Page = std::array<std::byte, kPageSize>;

// The finalizer of SplitMix64.
constexpr std::uint64_t Mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

inline void FillPage(std::uint64_t seed, std::uint64_t page_index, std::span<std::byte, kPageSize> page) {
  std::uint64_t state = Mix(Mix(seed + 0x9e3779b97f4a7c15) + page_index);
  for (std::size_t at = 0; at < kPageSize; at += sizeof state) {
    state += 0x9e3779b97f4a7c15;
    const std::uint64_t word = Mix(state);
    std::memcpy(page.data() + at, &word, sizeof word);
  }
}

inline bool PageIsIntact(std::uint64_t seed, std::uint64_t page_index, std::span<const std::byte, kPageSize> page) {
  Page expected;
  FillPage(seed, page_index, expected);
  return std::memcmp(expected.data(), page.data(), kPageSize) == 0;
}

}  // namespace holdfast::e2e
