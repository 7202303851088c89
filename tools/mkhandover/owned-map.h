// SPDX-License-Identifier: BSD-2-Clause
// A memory map together with the storage that it borrows.

#pragma once

#include <memory>
#include <span>
#include <vector>

#include "common/mem/memory-map.h"

namespace holdfast::tool {

class OwnedMap {
 public:
  explicit OwnedMap(std::size_t capacity) : storage_(capacity), map_(std::span<MemEntry>(storage_)) {}
  OwnedMap(const OwnedMap&) = delete;
  OwnedMap& operator=(const OwnedMap&) = delete;

  MemoryMap& map() { return map_; }
  const MemoryMap& map() const { return map_; }

 private:
  // Starts as zero bytes: MemEntry has no default worth naming.
  std::vector<MemEntry> storage_;
  MemoryMap map_;
};

}  // namespace holdfast::tool
