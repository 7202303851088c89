// SPDX-License-Identifier: BSD-2-Clause
// A file that is being given back.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "tools/mkhandover/files.h"

namespace holdfast::tool {

// On hugetlbfs, which knows no write(), it is written through a mapping.
class TargetFile {
 public:
  // Pre: the file is empty, and `fd` is for reading and writing.  Ends in a Failure where it cannot have that size: on
  // hugetlbfs for what is no number of pages, and for pages that are not free.
  TargetFile(Descriptor fd, std::string name, std::uint64_t size);
  ~TargetFile();
  TargetFile(const TargetFile&) = delete;
  TargetFile& operator=(const TargetFile&) = delete;

  // May be called from several threads.  Pre: inside the size.
  void Write(std::span<const std::byte> bytes, std::uint64_t offset);

 private:
  void Map();

  Descriptor fd_;
  std::string name_;
  std::uint64_t size_;
  std::byte* data_ = nullptr;  // of the mapping, if there is one
};

}  // namespace holdfast::tool
