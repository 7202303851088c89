// SPDX-License-Identifier: BSD-2-Clause
// The memory that somebody asked to keep.

#include "common/mem/preserved-map.h"

#include <algorithm>
#include <array>

#include "common/mem/kept-joiner.h"

namespace holdfast {
namespace {

constexpr std::size_t kNumSources = 256;
constexpr std::size_t kNumKinds = 2;  // that may not overlap their own
constexpr std::size_t kNumFences = 4;
static_assert(static_cast<std::size_t>(KeptKind::kUncertain) == kNumKinds);
static_assert(static_cast<std::size_t>(Fence::kPram) == kNumFences - 1);

// Ascending.  What follows the range only makes the order of equal ones certain.
bool ComesBefore(const KeptRange& a, const KeptRange& b) {
  if (a.range.start() != b.range.start()) {
    return a.range.start() < b.range.start();
  }
  if (a.range.end() != b.range.end()) {
    return a.range.end() < b.range.end();
  }
  if (a.source != b.source) {
    return a.source < b.source;
  }
  if (a.node != b.node) {
    return a.node < b.node;
  }
  return a.kind != b.kind ? a.kind < b.kind : a.fence < b.fence;
}

// Finds conflicts in ranges that come in the order of ComesBefore().
//
//   |<------------ seen ------------>|
//       |--|          |---- next ----|       A long range may meet one that comes much later, so the one that
//                                            reaches furthest is remembered, not the last.
class ConflictFinder {
 public:
  explicit ConflictFinder(std::span<const KeptRange> sorted) : sorted_(sorted) {
    for (auto& of_kind : furthest_of_source_) {
      of_kind.fill(kNone);
    }
    furthest_of_fence_.fill(kNone);
  }

  // The range before sorted[i] that must not be kept together with it.
  const KeptRange* Next(std::size_t i) {
    const KeptRange& next = sorted_[i];
    if (next.kind == KeptKind::kUncertain) {
      return nullptr;  // It gives way.
    }
    std::uint32_t& own = furthest_of_source_[static_cast<std::size_t>(next.kind)][next.source];
    if (own != kNone && sorted_[own].range.Overlaps(next.range)) {
      return &sorted_[own];
    }
    own = static_cast<std::uint32_t>(i);  // Disjoint from those before, so it reaches furthest.

    const PhysRange pages = next.range.RoundedOut(kPageSize);
    const auto fence = static_cast<std::size_t>(next.fence);
    for (std::size_t f = 0; f < kNumFences; ++f) {
      const std::uint32_t at = furthest_of_fence_[f];
      if (f != fence && at != kNone && sorted_[at].range.RoundedOut(kPageSize).Overlaps(pages)) {
        return &sorted_[at];
      }
    }
    std::uint32_t& same = furthest_of_fence_[fence];
    if (same == kNone || sorted_[same].range.end() < next.range.end()) {
      same = static_cast<std::uint32_t>(i);
    }
    return nullptr;
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  std::span<const KeptRange> sorted_;
  std::array<std::array<std::uint32_t, kNumSources>, kNumKinds> furthest_of_source_;
  std::array<std::uint32_t, kNumFences> furthest_of_fence_;
};

// Finds the sources whose pages another one keeps too, in ranges that come in the order of ComesBefore().
class ShareFinder {
 public:
  explicit ShareFinder(std::array<bool, kNumSources>& shares) : shares_(shares) {}

  void Next(const KeptRange& next) {
    const PhysRange pages = next.range.RoundedOut(kPageSize);
    Reach& other = furthest_.source == next.source ? second_ : furthest_;
    if (pages.start() < other.end) {
      shares_[next.source] = true;
      shares_[other.source] = true;
    }
    if (furthest_.source != next.source && pages.end() > furthest_.end) {
      second_ = furthest_;
      furthest_ = {pages.end(), next.source};
    } else {
      Reach& own = furthest_.source == next.source ? furthest_ : second_;
      own = pages.end() > own.end ? Reach{pages.end(), next.source} : own;
    }
  }

 private:
  struct Reach {
    PhysAddr end;
    std::uint8_t source = 0;
  };

  // How far the pages reached so far, and how far those of all other sources did.
  Reach furthest_;
  Reach second_;
  std::array<bool, kNumSources>& shares_;
};

// std::sort's recursion is bounded by 2 log2(n).
void SortUnlessSorted(KeptRange* begin, KeptRange* end) {
  if (!std::is_sorted(begin, end, ComesBefore)) {
    std::sort(begin, end, ComesBefore);
  }
}

// Decoders give memory in ascending order, but for the pages of the description that come in between as they are read.
// Where there is room those are set aside, sorted alone, and merged from the back: a million pages need no sorting.
//
//   |<-------- size -------->|                    |
//   | memory, ascending |<- out                   | structures |
void SortRanges(BoundedVector<KeptRange>& ranges) {
  KeptRange* const begin = ranges.begin();
  const auto structures = static_cast<std::size_t>(std::count_if(
      ranges.begin(), ranges.end(), [](const KeptRange& kept) { return kept.kind == KeptKind::kStructure; }));
  if (structures == 0 || structures > ranges.capacity() - ranges.size()) {
    SortUnlessSorted(begin, ranges.end());
    return;
  }
  KeptRange* const aside_begin = begin + (ranges.capacity() - structures);
  KeptRange* aside = aside_begin;
  KeptRange* memory = begin;
  for (const KeptRange& kept : ranges) {
    *(kept.kind == KeptKind::kStructure ? aside : memory)++ = kept;
  }
  SortUnlessSorted(begin, memory);
  SortUnlessSorted(aside_begin, aside);
  for (KeptRange* out = ranges.end(); aside != aside_begin;) {
    const bool memory_is_last = memory != begin && ComesBefore(aside[-1], memory[-1]);
    *--out = memory_is_last ? *--memory : *--aside;
  }
}

// The first byte that both ranges share, or that their pages share where only these meet.
PhysAddr FirstShared(PhysRange a, PhysRange b) {
  return a.Overlaps(b) ? a.Intersection(b).start()
                       : a.RoundedOut(kPageSize).Intersection(b.RoundedOut(kPageSize)).start();
}

}  // namespace

Status PreservedMap::Add(const KeptRange& kept) {
  if (kept.range.empty()) {
    return kDone;
  }
  if (ranges_.size() == ranges_.capacity()) {
    JoinTouching();
  }
  return ranges_.Append(kept);
}

// Nothing is rounded, and only what is uncertain is joined where it overlaps: Seal() still sees every conflict.
void PreservedMap::JoinTouching() {
  const std::size_t worth_it = ranges_.capacity() / 8;
  if (ranges_.capacity() - joined_size_ < worth_it) {
    return;  // The last time gained too little to pay for another.
  }
  SortRanges(ranges_);
  std::size_t size = 0;
  for (const KeptRange& kept : ranges_) {
    const bool goes_on = size != 0 && HaveOneName(ranges_[size - 1], kept) &&
                         (ranges_[size - 1].range.end() == kept.range.start() ||
                          (kept.kind == KeptKind::kUncertain && kept.range.start() < ranges_[size - 1].range.end()));
    if (goes_on) {
      PhysRange& last = ranges_[size - 1].range;
      GrowTo(last, std::max(last.end(), kept.range.end()));
    } else {
      ranges_[size++] = kept;
    }
  }
  ranges_.Truncate(size);
  joined_size_ = size;
}

Status PreservedMap::Seal(Conflict* conflict) {
  SortRanges(ranges_);
  ConflictFinder finder(ranges_.view());
  ShareFinder shares(shares_);
  shares_ = {};
  bool has_uncertain = false;
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    shares.Next(ranges_[i]);
    if (const KeptRange* const before = finder.Next(i); before != nullptr) {
      if (conflict != nullptr) {
        *conflict = {*before, ranges_[i]};
      }
      return Error{Errc::kKeptOverlap, FirstShared(before->range, ranges_[i].range).raw()};
    }
    has_uncertain = has_uncertain || ranges_[i].kind == KeptKind::kUncertain;
  }
  return JoinSorted(has_uncertain);
}

// What is written never overtakes what is read: without cuts it cannot, and for them the rest of the table is between.
Status PreservedMap::JoinSorted(bool has_cuts) {
  KeptRange* const storage = ranges_.begin();
  const std::size_t size = ranges_.size();
  const std::size_t first = has_cuts ? ranges_.capacity() - size : 0;
  if (first != 0) {
    std::copy_backward(storage, storage + size, storage + first + size);
  }
  ranges_.Clear();
  KeptJoiner joiner(ranges_);
  for (std::size_t i = first; i < first + size; ++i) {
    TRY(joiner.Take(storage[i], /*room=*/i + 1));
  }
  return joiner.WriteRest(ranges_.capacity());
}

std::uint64_t PreservedMap::bytes() const {
  std::uint64_t sum = 0;
  for (const KeptRange& kept : ranges_) {
    sum += kept.range.size();
  }
  return sum;
}

std::size_t PreservedMap::FirstEndingAfter(PhysAddr address) const {
  const auto it = std::partition_point(ranges_.begin(), ranges_.end(),
                                       [address](const KeptRange& kept) { return kept.range.end() <= address; });
  return static_cast<std::size_t>(it - ranges_.begin());
}

std::optional<KeptRange> PreservedMap::FirstOverlap(PhysRange range) const {
  const std::size_t i = FirstEndingAfter(range.start());
  if (i == ranges_.size() || !ranges_[i].range.Overlaps(range)) {
    return std::nullopt;
  }
  return ranges_[i];
}

Status CheckTarget(const PreservedMap& kept, PhysRange target) {
  const auto hit = kept.FirstOverlap(target);
  return hit ? Status(Error{Errc::kOverlap, target.Intersection(hit->range).start().raw()}) : Status(kDone);
}

}  // namespace holdfast
