// SPDX-License-Identifier: BSD-2-Clause
// What lies where in physical memory: the decoded form of an e820 table.
//
// Invariant (I1): entries are sorted, disjoint, non-empty, below kPhysLimit.

#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "common/base/bounded-vector.h"
#include "common/mem/phys-range.h"

namespace holdfast {

// The numbers are the e820 types of ACPI 6.5, 15.1, and Linux' own
// (arch/x86/include/asm/e820/types.h).  Others are carried through untouched.
enum class MemType : std::uint32_t {
  kUsable = 1,
  kReserved = 2,
  kAcpi = 3,
  kNvs = 4,
  kUnusable = 5,
  kPmem = 7,
  kPram = 12,
  kReservedKern = 128,  // RAM that Linux up to 6.12 marks for setup_data, or as a pmpool; never firmware's
  kSoftReserved = 0xefffffff,
};

struct MemEntry {
  PhysRange range;
  MemType type;

  constexpr bool operator==(const MemEntry&) const = default;
};

class MemoryMap {
 public:
  constexpr explicit MemoryMap(std::span<MemEntry> storage) : entries_(storage) {}

  std::span<const MemEntry> view() const { return entries_.view(); }
  std::size_t size() const { return entries_.size(); }
  std::size_t capacity() const { return entries_.capacity(); }
  void Clear() { entries_.Clear(); }

  // Adds an entry that begins at or after the end of the last one; joins it to the
  // last one where they touch and have one type.  An empty range adds nothing.
  // Pre: range starts at or after the end of the last entry.
  Status AppendAscending(PhysRange range, MemType type);

  // Adds an entry from a stored table, in any order.  Where it overlaps what is there, the
  // numerically higher type wins, as in the kernel (e820__update_table, arch/x86/kernel/e820.c).
  // On kTableFull the map is unspecified and must be dropped.
  Status Overlay(PhysRange range, MemType type);

  // Index of the first entry that ends after `address`; size() when there is none.
  std::size_t FirstEndingAfter(PhysAddr address) const;
  // The first part of `range` that is not covered by entries that `accept(type)`, with the type that
  // stands there; an empty optional type is a hole.
  struct Gap {
    PhysRange range;
    std::optional<MemType> type;
  };
  template <typename Accept>
  std::optional<Gap> FirstNot(PhysRange range, Accept accept) const;

  std::uint64_t BytesOf(MemType type) const;

 private:
  BoundedVector<MemEntry> entries_;
};

// RAM that an allocator may hand out, or that Linux uses itself.
constexpr bool IsRam(MemType type) { return type == MemType::kUsable || type == MemType::kReservedKern; }

template <typename Accept>
std::optional<MemoryMap::Gap> MemoryMap::FirstNot(PhysRange range, Accept accept) const {
  PhysRange rest = range;
  for (std::size_t i = FirstEndingAfter(range.start()); !rest.empty(); ++i) {
    if (i >= entries_.size() || rest.start() < entries_[i].range.start()) {
      const PhysAddr end = i < entries_.size() ? entries_[i].range.start() : rest.end();
      return Gap{rest.UpTo(end), std::nullopt};
    }
    const MemEntry& entry = entries_[i];
    if (!accept(entry.type)) {
      return Gap{rest.Intersection(entry.range), entry.type};
    }
    rest = rest.From(entry.range.end());
  }
  return std::nullopt;
}

}  // namespace holdfast
