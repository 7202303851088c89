// SPDX-License-Identifier: BSD-2-Clause
// KHO's maps, written.

#pragma once

#include <cstring>
#include <span>

#include "common/format/kho.h"

namespace holdfast {

// The pages of an arena as memory: what was taken can be found again by its address.
class ArenaPages {
 public:
  explicit ArenaPages(PageArena& arena) : arena_(arena) {}

  Result<PhysAddr> Take(std::uint64_t count = 1) {
    TRY_ASSIGN(const PageArena::Page page, arena_.Take(count));
    if (base_ == nullptr) {
      base_ = page.bytes;
      base_at_ = page.at;
    }
    return page.at;
  }
  // Pre: `at` lies in what was taken.
  std::byte* At(std::uint64_t at) const { return base_ + (at - base_at_.raw()); }
  template <typename T>
  T Get(std::uint64_t at) const {
    T out;
    std::memcpy(&out, At(at), sizeof(out));
    return out;
  }
  template <typename T>
  void Put(std::uint64_t at, const T& value) const {
    std::memcpy(At(at), &value, sizeof(value));
  }
  void SetBit(std::uint64_t bitmap, std::uint64_t bit) const {
    *At(bitmap + bit / 8) |= static_cast<std::byte>(1U << (bit % 8));
  }

 private:
  PageArena& arena_;
  std::byte* base_ = nullptr;
  PhysAddr base_at_;
};

constexpr int KhoShiftOf(const KeptBlock& block) { return 12 + block.order; }
// The root of the map.  Pre: each block is of its order, and they ascend.  kTableFull.
Result<PhysAddr> WriteKhoBitmaps(ArenaPages& pages, std::span<const KeptBlock> blocks, KhoBitmaps form);
Result<PhysAddr> WriteKhoRadix(ArenaPages& pages, std::span<const KeptBlock> blocks);

}  // namespace holdfast
