// SPDX-License-Identifier: BSD-2-Clause
// What the walks through KHO's maps share: the gates to the sink, and what ends a walk.

#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "common/abi/kho.h"
#include "common/format/kho.h"
#include "common/mem/phys-read.h"

namespace holdfast {

class KhoWalk {
 public:
  // Counts in `facts`; `scratch` has all areas before the map is walked.  All must outlive the walk.
  KhoWalk(const PhysMemory& memory, const BlockSink& sink, const RangeSet& scratch, KhoFacts& facts)
      : memory_(memory), sink_(sink), scratch_(scratch), facts_(facts) {
    seen_.fill(kNone);
  }
  KhoWalk(const KhoWalk&) = delete;
  KhoWalk& operator=(const KhoWalk&) = delete;

  const PhysMemory& memory() const { return memory_; }
  KhoFacts& facts() { return facts_; }

  // A part of the description.  kTooLarge (where: bytes): too many of them; kCycle (where: its address): it was met
  // shortly before.
  Status AddStructure(PhysRange range) {
    if (facts_.num_structures == kMaxKhoStructures) {
      return Error{Errc::kTooLarge, kMaxKhoStructures * kPageSize};
    }
    // In a memory of as many neighbouring pages every one is remembered.
    const std::uint64_t at = range.start().raw();
    std::uint64_t& seen = seen_[((at >> 12) ^ (at >> 9)) % seen_.size()];
    if (seen == at) {
      return Error{Errc::kCycle, at};
    }
    seen = at;
    ++facts_.num_structures;
    return sink_.Add({.range = range, .kind = KeptKind::kStructure});
  }
  // kMalformed (where: its address): it lies in scratch, where the next kernel allocates before it has read it.
  Status CheckOutsideScratch(PhysRange range) const {
    return scratch_.FirstOverlap(range) ? Status(Error{Errc::kMalformed, range.start().raw()}) : Status(kDone);
  }
  // A part of the map.  Errors of both.
  Status AddMapPart(PhysRange range) {
    TRY(CheckOutsideScratch(range));
    return AddStructure(range);
  }
  // The same of a page, which is read.
  Result<StoredPage> TakePage(PhysAddr at) {
    TRY_ASSIGN(const StoredPage page, StoredPage::At(memory_, at));
    TRY(AddMapPart(page.range()));
    return page;
  }

  // `count` blocks of one order, one behind the other; the first is number `first` of all blocks of that order, those
  // at address 0 being number 0.  kOutOfBounds.
  Status AddBlocks(int order, std::uint64_t first, std::uint64_t count) {
    Require(order >= 0 && order <= kMaxKhoOrder);
    const int shift = 12 + order;
    const std::uint64_t limit = kPhysLimit >> shift;
    if (first >= limit || count > limit - first) {
      const std::uint64_t beyond = std::max(first, limit);
      return Error{Errc::kOutOfBounds, std::countl_zero(beyond) < shift ? ~std::uint64_t{0} : beyond << shift};
    }
    TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(PhysAddr(first << shift), count << shift));
    return AddMemory(range, count, static_cast<std::int8_t>(order));
  }
  // Memory whose order the dialect does not say.
  Status AddRange(PhysRange range) { return AddMemory(range, 1, KeptBlock::kNoOrder); }
  // Memory of which nobody can say whether it is kept.
  Status AddUncertain(PhysRange range) {
    return sink_.Add({.range = range.From(PhysAddr(kMiB)), .kind = KeptKind::kUncertain});
  }

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  // Nobody preserves what the real mode needs.
  Status AddMemory(PhysRange range, std::uint64_t count, std::int8_t order) {
    if (range.start() < PhysAddr(kMiB)) {
      return Error{Errc::kOutOfBounds, range.start().raw()};
    }
    facts_.num_blocks += count;
    return sink_.Add({.range = range, .kind = KeptKind::kMemory, .order = order});
  }

  const PhysMemory& memory_;
  const BlockSink& sink_;
  const RangeSet& scratch_;
  KhoFacts& facts_;
  std::array<std::uint64_t, 128> seen_;
};

// An element of a stored array of them.  Pre: it lies within `bytes`.
inline KhoArea KhoAreaAt(std::span<const std::byte> bytes, std::size_t i) {
  KhoArea area;
  std::memcpy(&area, bytes.subspan(i * sizeof(area), sizeof(area)).data(), sizeof(area));
  return area;
}

// The maps.  `root`: where the tree says that the map is.

// kho-v1's list.  `form`: what the caller knows of its bitmaps; facts().bitmaps becomes what was settled.
Status WalkKhoBitmaps(KhoWalk& walk, PhysAddr root, KhoBitmaps form);
Status WalkKhoRadix(KhoWalk& walk, PhysAddr root);

}  // namespace holdfast
