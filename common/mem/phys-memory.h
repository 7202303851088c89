// SPDX-License-Identifier: BSD-2-Clause
// The seam between addresses and bytes.
//
// The handover is full of physical addresses that lead to more data.  Only a
// PhysMemory may follow one: the shells back it with the identity map, tests
// with a buffer, mkhandover with a captured image.

#pragma once

#include <cstddef>
#include <span>

#include "common/mem/phys-range.h"

namespace holdfast {

class PhysMemory {
 public:
  // The bytes of `range`, contiguous, or null: not readable.
  using ReadFn = const std::byte* (*)(const void* backing, PhysRange range);

  constexpr PhysMemory(ReadFn read, const void* backing) : read_(read), backing_(backing) {}

  // kUnreadable when any byte of the range may not be read.
  Result<std::span<const std::byte>> View(PhysRange range) const {
    if (range.empty()) {
      return std::span<const std::byte>();
    }
    const std::byte* bytes = read_(backing_, range);
    if (bytes == nullptr) {
      return Error{Errc::kUnreadable, range.start().raw()};
    }
    return std::span<const std::byte>(bytes, static_cast<std::size_t>(range.size()));
  }

 private:
  ReadFn read_;
  const void* backing_;
};

}  // namespace holdfast
