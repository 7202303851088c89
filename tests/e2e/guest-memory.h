// SPDX-License-Identifier: BSD-2-Clause
// A guest's physical memory, seen from outside.
//
// The guest's RAM is a shared anonymous file, so the harness can compare and
// damage bytes wherever they lie, whatever the guest's kernel thinks of them,
// and at native speed.  Only RAM is here: neither devices nor firmware flash.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/e2e/child-process.h"

namespace holdfast::e2e {

class GuestMemory {
 public:
  explicit GuestMemory(std::uint64_t size);
  ~GuestMemory();
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;

  std::uint64_t size() const { return size_; }
  int fd() const { return file_.get(); }

  // Throws if [start, start + size) is not RAM, or lies on both sides of the hole below 4 GiB.
  std::span<std::byte> View(std::uint64_t start, std::uint64_t size) const;

 private:
  Descriptor file_;
  std::uint64_t size_;
  std::byte* data_;
};

}  // namespace holdfast::e2e
