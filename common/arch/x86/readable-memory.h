// SPDX-License-Identifier: BSD-2-Clause
// Memory that may be read: the ranges of a set, each at its own address.

#pragma once

#include "common/mem/memory-map.h"
#include "common/mem/phys-memory.h"
#include "common/mem/range-set.h"

namespace holdfast::x86 {

class ReadableMemory {
 public:
  explicit ReadableMemory(std::span<PhysRange> storage) : ranges_(storage) {}

  Status Add(PhysRange range) { return ranges_.Add(range.RoundedOut(kPageSize)); }
  // All RAM of a map.
  Status AddRam(const MemoryMap& map);

  std::span<const PhysRange> view() const { return ranges_.view(); }
  PhysMemory memory() const { return PhysMemory(&Read, &ranges_); }

 private:
  static const std::byte* Read(const void* backing, PhysRange range);

  RangeSet ranges_;
};

}  // namespace holdfast::x86
