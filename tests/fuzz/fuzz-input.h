// SPDX-License-Identifier: BSD-2-Clause
// What the fuzz targets share.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "common/mem/memory-map.h"
#include "common/mem/phys-range.h"

namespace holdfast::fuzz {

// Ends the run with a finding.
inline void Check(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "ERROR: does not hold: %s\n", what);
    std::abort();
  }
}

// A copy of the input that begins at a multiple of 8 and ends where the input ends, so that ASan sees a read past it.
class AlignedInput {
 public:
  AlignedInput(const std::uint8_t* data, std::size_t size)
      : size_(size), bytes_(new (std::align_val_t{8}) std::byte[size]) {
    if (size != 0) {
      std::memcpy(bytes_, data, size);
    }
  }
  ~AlignedInput() { ::operator delete[](bytes_, std::align_val_t{8}); }
  AlignedInput(const AlignedInput&) = delete;
  AlignedInput& operator=(const AlignedInput&) = delete;

  std::span<const std::byte> bytes() const { return {bytes_, size_}; }

 private:
  std::size_t size_;
  std::byte* bytes_;
};

// I1: sorted, disjoint, not empty, below the limit.
inline void CheckSorted(std::span<const MemEntry> entries) {
  PhysAddr from;
  for (const MemEntry& entry : entries) {
    Check(!entry.range.empty(), "no entry is empty");
    Check(from <= entry.range.start(), "entries are sorted and disjoint");
    Check(entry.range.end() <= PhysAddr(kPhysLimit), "entries end at or below the limit");
    from = entry.range.end();
  }
}

inline bool SameEntries(std::span<const MemEntry> a, std::span<const MemEntry> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace holdfast::fuzz
