// SPDX-License-Identifier: BSD-2-Clause
// Physical memory made of pages, which lie at pages of the host's too, as a device tree wants it.
//
// FakeMemory is for what must not count on alignment.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <vector>

#include "common/base/align.h"
#include "common/format/page-arena.h"
#include "common/mem/phys-memory.h"

namespace holdfast::test {

class PageMemory {
 public:
  PageMemory() = default;
  PageMemory(const PageMemory&) = delete;
  PageMemory& operator=(const PageMemory&) = delete;
  ~PageMemory() {
    for (const Region& region : regions_) {
      ::operator delete[](region.bytes, kAlignment);
    }
  }

  // Zeroed memory, apart from what was added before.
  std::span<std::byte> Add(std::uint64_t start, std::uint64_t num_pages) {
    const auto size = static_cast<std::size_t>(num_pages * kPageSize);
    const Region region{PhysRange::FromStartSize(PhysAddr(start), size).value(),
                        static_cast<std::byte*>(::operator new[](size, kAlignment))};
    std::memset(region.bytes, 0, size);
    regions_.push_back(region);
    return {region.bytes, size};
  }
  PageArena AddArena(std::uint64_t start, std::uint64_t num_pages) {
    const auto bytes = Add(start, num_pages);
    return PageArena(PhysRange::FromStartSize(PhysAddr(start), bytes.size()).value(), bytes);
  }

  // Pre: the T lies in one region.
  template <typename T>
  T Get(std::uint64_t at) const {
    T out;
    std::memcpy(&out, Find(at, sizeof(T)), sizeof(T));
    return out;
  }
  template <typename T>
  void Put(std::uint64_t at, const T& value) {
    std::memcpy(Find(at, sizeof(T)), &value, sizeof(T));
  }

  PhysMemory memory() const { return PhysMemory(&Read, this); }

 private:
  static constexpr std::align_val_t kAlignment{kPageSize};

  struct Region {
    PhysRange range;
    std::byte* bytes;
  };

  std::byte* Find(std::uint64_t at, std::uint64_t size) const {
    const PhysRange range = PhysRange::FromStartSize(PhysAddr(at), size).value();
    for (const Region& region : regions_) {
      if (region.range.Contains(range)) {
        return region.bytes + (at - region.range.start().raw());
      }
    }
    Bug();
  }
  static const std::byte* Read(const void* backing, PhysRange range) {
    for (const Region& region : static_cast<const PageMemory*>(backing)->regions_) {
      if (region.range.Contains(range)) {
        return region.bytes + (range.start().raw() - region.range.start().raw());
      }
    }
    return nullptr;
  }

  std::vector<Region> regions_;
};

}  // namespace holdfast::test
