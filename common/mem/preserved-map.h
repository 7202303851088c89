// SPDX-License-Identifier: BSD-2-Clause
// The memory that somebody asked to keep.
//
// Ranges are added as they are decoded, then sealed: Seal() rounds them outward to
// pages, sorts them, refuses ranges of one source and one kind that overlap, and joins those that
// touch and are of one name.
// Invariant after Seal() (I2): sorted, disjoint, page-aligned, covers every added byte.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/bounded-vector.h"
#include "common/mem/phys-range.h"

namespace holdfast {

// How the next kernel sees a kept range.
enum class Fence : std::uint8_t {
  kReserved,  // e820 type 2: invisible to its allocator, inherited by later kexecs
  kHeld,      // RAM with struct page, reserved by a SETUP_INDIRECT node
  kPmem,      // e820 type 7
  kPram,      // e820 type 12: a /dev/pmem with DAX appears
};

// What a kept range is to its handover.
enum class KeptKind : std::uint8_t {
  kMemory,     // somebody asked to keep it
  kStructure,  // a page of the handover's own description, which no map speaks of
  kUncertain,  // the description does not tell whether it is kept, so it is
};

struct KeptRange {
  PhysRange range;
  std::uint32_t node = 0;   // where the carrier speaks of it: byte offset in the handover of `source`
  std::uint8_t source = 0;  // which handover, where several were found
  Fence fence = Fence::kReserved;
  KeptKind kind = KeptKind::kMemory;

  constexpr bool operator==(const KeptRange&) const = default;
};

class PreservedMap {
 public:
  constexpr explicit PreservedMap(std::span<KeptRange> storage) : ranges_(storage) {}

  // kTableFull (where: the capacity): no room is left, even with those joined that touch and are of one name.
  Status Add(const KeptRange& kept);

  // Sorts and checks.  kKeptOverlap: two ranges of one source and one kind share bytes, or two ranges share a page and
  // ask for different fences; `where` is the first shared byte (of the page, where only a page is shared) and
  // `conflict`, if given, receives both ranges as they were added, or joined by Add().  Uncertain ranges are in
  // nobody's way: pages that a certain one keeps with another fence are its own.  Pages that two ranges share otherwise
  // stay with the one that begins first.  kTableFull (where: the capacity): there is no room for what that cuts.
  struct Conflict {
    KeptRange first;
    KeptRange second;
  };
  Status Seal(Conflict* conflict = nullptr);

  std::span<const KeptRange> view() const { return ranges_.view(); }
  std::size_t size() const { return ranges_.size(); }
  bool empty() const { return ranges_.empty(); }
  std::uint64_t bytes() const;
  void Clear() {
    ranges_.Clear();
    shares_ = {};
    joined_size_ = 0;
  }

  // Pre, for all below: sealed.
  // Index of the first range that ends after `address`.
  std::size_t FirstEndingAfter(PhysAddr address) const;
  // The first kept range that shares a byte with `range`.
  std::optional<KeptRange> FirstOverlap(PhysRange range) const;
  // Does some other source keep a page of this one's too?
  bool IsShared(std::uint8_t source) const { return shares_[source]; }

 private:
  void JoinTouching();
  Status JoinSorted(bool has_cuts);

  BoundedVector<KeptRange> ranges_;
  std::array<bool, 256> shares_{};
  std::size_t joined_size_ = 0;  // of the table when Add() last had to make room
};

// kOverlap (where: the first kept byte): a write to `target` would meet kept memory.
Status CheckTarget(const PreservedMap& kept, PhysRange target);

}  // namespace holdfast
