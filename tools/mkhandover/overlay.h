// SPDX-License-Identifier: BSD-2-Clause
// Memory with some bytes put over it: for what was copied out of memory, and is to be read as if it were there.

#pragma once

#include <cstddef>
#include <vector>

#include "common/mem/phys-memory.h"

namespace holdfast::tool {

class Overlay {
 public:
  explicit Overlay(const PhysMemory& under) : under_(under) {}
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  // Pre: `start` is a multiple of kPageSize.  The bytes are filled up to whole pages; what lay there is hidden.
  PhysRange Put(PhysAddr start, std::vector<std::byte> bytes) {
    bytes.resize(static_cast<std::size_t>(AlignUp(bytes.size(), kPageSize)));
    const PhysRange range = PhysRange::FromStartSize(start, bytes.size()).value();
    layers_.push_back({range, std::move(bytes)});
    return range;
  }

  PhysMemory memory() const { return PhysMemory(&Read, this); }

 private:
  struct Layer {
    PhysRange range;
    std::vector<std::byte> bytes;
  };

  static const std::byte* Read(const void* self, PhysRange range) {
    const auto& overlay = *static_cast<const Overlay*>(self);
    for (const Layer& layer : overlay.layers_) {
      if (layer.range.Contains(range)) {
        return layer.bytes.data() + (range.start().raw() - layer.range.start().raw());
      }
      if (layer.range.Overlaps(range)) {
        return nullptr;
      }
    }
    const auto bytes = overlay.under_.View(range);
    return bytes.ok() ? bytes.value().data() : nullptr;
  }

  PhysMemory under_;
  std::vector<Layer> layers_;
};

}  // namespace holdfast::tool
