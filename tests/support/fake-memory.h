// SPDX-License-Identifier: BSD-2-Clause
// Physical memory made of a few buffers.
//
// Add() copies bytes to a physical address.  What was not added may not be read, and no view joins two buffers.
// The bytes begin at an odd address of the host's, so that a read that counts on alignment is seen by UBSan.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "common/mem/phys-memory.h"

namespace holdfast::test {

class FakeMemory {
 public:
  FakeMemory() = default;
  FakeMemory(const FakeMemory&) = delete;
  FakeMemory& operator=(const FakeMemory&) = delete;

  // Of overlapping buffers the one that was added last is read.
  void Add(std::uint64_t start, std::span<const std::byte> bytes) {
    const auto range = PhysRange::FromStartSize(PhysAddr(start), bytes.size());
    Buffer buffer{range.value(), std::make_unique<std::byte[]>(bytes.size() + 1)};
    if (!bytes.empty()) {
      std::memcpy(buffer.bytes.get() + 1, bytes.data(), bytes.size());
    }
    buffers_.push_back(std::move(buffer));
  }
  // Several layouts of stored integers, one after another.
  template <typename... Parts>
  void AddParts(std::uint64_t start, const Parts&... parts) {
    std::vector<std::byte> bytes;
    (Push(bytes, std::as_bytes(std::span(&parts, 1))), ...);
    Add(start, bytes);
  }

  PhysMemory memory() const { return PhysMemory(&Read, this); }

 private:
  struct Buffer {
    PhysRange range;
    std::unique_ptr<std::byte[]> bytes;  // one more in front
  };

  static void Push(std::vector<std::byte>& to, std::span<const std::byte> from) {
    to.insert(to.end(), from.begin(), from.end());
  }

  static const std::byte* Read(const void* backing, PhysRange range) {
    const auto& buffers = static_cast<const FakeMemory*>(backing)->buffers_;
    for (auto buffer = buffers.rbegin(); buffer != buffers.rend(); ++buffer) {
      if (buffer->range.Contains(range)) {
        return buffer->bytes.get() + 1 + (range.start().raw() - buffer->range.start().raw());
      }
    }
    return nullptr;
  }

  std::vector<Buffer> buffers_;
};

}  // namespace holdfast::test
