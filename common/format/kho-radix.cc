// SPDX-License-Identifier: BSD-2-Clause
// The map of kho-v2 and later: a radix tree of six levels over keys.
//
//            52          51                          15 14         0
//   key      | 1 at 52 - order, then the block's number (address / size) |
//   levels   |---5---|---4---|---3---|---2---|---1---|------ 0 ------|

#include <array>
#include <bit>

#include "common/abi/kho.h"
#include "common/format/bit-runs.h"
#include "common/format/kho-walk.h"

namespace holdfast {
namespace {

constexpr int kTop = kKhoRadixDepth - 1;
constexpr std::size_t kTableEntries = std::size_t{1} << kKhoTableBits;
constexpr std::uint64_t kLeafKeys = std::uint64_t{1} << kKhoLeafBits;

// log2, rounded down.  Pre: not 0.
constexpr int TopBit(std::uint64_t value) { return 63 - std::countl_zero(value); }

class RadixWalk {
 public:
  explicit RadixWalk(KhoWalk& walk) : walk_(walk) {}

  // The node at `at`, whose keys begin with `prefix`.  It calls itself once a level and no deeper.
  Status Node(PhysAddr at, int level, std::uint64_t prefix) {
    for (int above = level + 1; above <= kTop; ++above) {
      if (path_[static_cast<std::size_t>(above)] == at) {
        return Error{Errc::kCycle, at.raw()};
      }
    }
    path_[static_cast<std::size_t>(level)] = at;
    TRY_ASSIGN(const StoredPage page, walk_.TakePage(at));
    return level == 0 ? Leaf(page, prefix) : Table(page, level, prefix);
  }

 private:
  Status Table(const StoredPage& page, int level, std::uint64_t prefix) {
    for (std::size_t i = 0; i < kTableEntries; ++i) {
      const std::size_t offset = i * sizeof(Le64);
      const std::uint64_t entry = page.U64(offset);
      if (entry == 0) {
        continue;
      }
      const std::uint64_t longer = (prefix << kKhoTableBits) | i;
      // From index 3 of the root on: keys of addresses past 2^63, and then none at all.
      if (level == kTop && longer > kMaxRootIndex) {
        return Error{Errc::kMalformed, page.WhereOf(offset)};
      }
      TRY(Node(PhysAddr(entry), level - 1, longer));
    }
    return kDone;
  }

  Status Leaf(const StoredPage& page, std::uint64_t prefix) {
    BitRuns runs(page.Bytes(0, kPageSize), kLeafKeys);
    const std::uint64_t first_key = prefix << kKhoLeafBits;
    if (first_key == 0) {
      return LeafOfHugeBlocks(page, runs);
    }
    const int marker = TopBit(first_key);
    const std::uint64_t first = first_key - (std::uint64_t{1} << marker);
    while (const auto run = runs.Next()) {
      TRY(walk_.AddBlocks(kKhoKeyTopBit - marker, first + run->first, run->count));
    }
    return kDone;
  }

  // The one leaf whose keys have their marker, and so their order, below the prefix.
  Status LeafOfHugeBlocks(const StoredPage& page, BitRuns& runs) {
    while (const auto run = runs.Next()) {
      for (std::uint64_t key = run->first; key < run->first + run->count; ++key) {
        if (key >> (kKhoKeyTopBit - kMaxKhoOrder) == 0) {
          return Error{Errc::kMalformed, page.WhereOf(key / 64 * sizeof(Le64))};
        }
        const int marker = TopBit(key);
        TRY(walk_.AddBlocks(kKhoKeyTopBit - marker, key - (std::uint64_t{1} << marker), 1));
      }
    }
    return kDone;
  }

  static constexpr std::uint64_t kMaxRootIndex = 2;

  KhoWalk& walk_;
  std::array<PhysAddr, kKhoRadixDepth> path_{};  // the node of each level
};

}  // namespace

Status WalkKhoRadix(KhoWalk& walk, PhysAddr root) { return RadixWalk(walk).Node(root, kTop, 0); }

}  // namespace holdfast
