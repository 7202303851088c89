// SPDX-License-Identifier: BSD-2-Clause
// 8 GiB of preserved memory in blocks of orders 0 to 10, modelled on the kernel's own test of KHO (lib/test_kho.c): the
// workload on which descriptions are compared.  The same blocks on every machine.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "common/base/align.h"
#include "common/format/range-list.h"
#include "common/mem/kept-block.h"

namespace holdfast::test {

// SplitMix64.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t Below(std::uint64_t limit) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(Next()) * limit) >> 64);
  }

 private:
  std::uint64_t state_;
};

inline constexpr int kMaxFolioOrder = 10;
inline constexpr std::uint64_t kWorkloadPages = 8 * kGiB / kPageSize;
inline constexpr std::uint64_t kWorkloadBase = 4 * kGiB;
inline constexpr std::uint64_t kScatterArena = 64 * kGiB;

// The order of each folio, in the order of their allocation: 8 GiB together.
inline std::vector<int> FolioOrders(std::uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<int> out;
  for (std::uint64_t total = 0; total < kWorkloadPages;) {
    int order = static_cast<int>(random.Below(kMaxFolioOrder + 1));
    const std::uint64_t left = kWorkloadPages - total;
    if (std::uint64_t{1} << order > left) {
      int covering = 0;
      while (std::uint64_t{1} << covering < left) {
        ++covering;
      }
      order = std::max(covering - 1, 0);
    }
    out.push_back(order);
    total += std::uint64_t{1} << order;
  }
  return out;
}

inline KeptBlock FolioAt(std::uint64_t page, int order) {
  const auto range = PhysRange::FromStartSize(PhysAddr(page * kPageSize), kPageSize << order);
  return {.range = range.value(), .order = static_cast<std::int8_t>(order)};
}

inline void SortByStart(std::vector<KeptBlock>& blocks) {
  std::sort(blocks.begin(), blocks.end(),
            [](const KeptBlock& a, const KeptBlock& b) { return a.range.start() < b.range.start(); });
}

// As a buddy allocator hands them out on a fresh machine: a list of free blocks an order, the last one first; a larger
// one is split where there is none, its low half used.  Ascending.
inline std::vector<KeptBlock> BuddyFolios(std::uint64_t seed) {
  std::array<std::vector<std::uint64_t>, kMaxFolioOrder + 1> free;
  std::uint64_t untouched = kWorkloadBase / kPageSize;
  std::vector<KeptBlock> out;
  for (const int order : FolioOrders(seed)) {
    int from = order;
    while (from <= kMaxFolioOrder && free[static_cast<std::size_t>(from)].empty()) {
      ++from;
    }
    std::uint64_t page = untouched;
    if (from > kMaxFolioOrder) {
      from = kMaxFolioOrder;
      untouched += std::uint64_t{1} << kMaxFolioOrder;
    } else {
      page = free[static_cast<std::size_t>(from)].back();
      free[static_cast<std::size_t>(from)].pop_back();
    }
    while (from > order) {
      --from;
      free[static_cast<std::size_t>(from)].push_back(page + (std::uint64_t{1} << from));
    }
    out.push_back(FolioAt(page, order));
  }
  SortByStart(out);
  return out;
}

// As on a machine that has run for long: anywhere in 64 GiB, each at a multiple of its size.  Ascending.
inline std::vector<KeptBlock> ScatteredFolios(std::uint64_t seed) {
  std::vector<int> orders = FolioOrders(seed);
  std::stable_sort(orders.begin(), orders.end(), std::greater<>());
  SplitMix64 random(seed + 100);
  std::vector<bool> taken(kScatterArena / kPageSize);
  std::vector<KeptBlock> out;
  for (const int order : orders) {
    const std::uint64_t pages = std::uint64_t{1} << order;
    std::uint64_t page = 0;
    const auto is_free = [&] {
      const auto first = taken.begin() + static_cast<std::ptrdiff_t>(page);
      return std::find(first, first + static_cast<std::ptrdiff_t>(pages), true) ==
             first + static_cast<std::ptrdiff_t>(pages);
    };
    do {
      page = random.Below(kScatterArena / kPageSize >> order) << order;
    } while (!is_free());
    std::fill_n(taken.begin() + static_cast<std::ptrdiff_t>(page), pages, true);
    out.push_back(FolioAt(kWorkloadBase / kPageSize + page, order));
  }
  SortByStart(out);
  return out;
}

// Ascending blocks as runs of one order.
inline std::vector<BlockRun> RunsOf(const std::vector<KeptBlock>& blocks) {
  std::vector<BlockRun> out;
  for (const KeptBlock& block : blocks) {
    if (!out.empty() && out.back().order == block.order && out.back().range.end() == block.range.start()) {
      out.back().range = PhysRange::FromStartEnd(out.back().range.start(), block.range.end()).value();
    } else {
      out.push_back({.range = block.range, .order = block.order});
    }
  }
  return out;
}

}  // namespace holdfast::test
