// SPDX-License-Identifier: BSD-2-Clause
// A file of the store while it is being written: it grows by pages and is mapped in one piece.

#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>

#include "tools/mkhandover/files.h"

namespace holdfast::tool {

// Gone again unless it is kept.  Take() may be called from several threads.
class PageFile {
 public:
  // Makes the file; it must not be there.  `capacity` is address space, not memory.
  PageFile(std::string path, std::uint64_t page_size, std::uint64_t capacity);
  ~PageFile();
  PageFile(const PageFile&) = delete;
  PageFile& operator=(const PageFile&) = delete;

  struct Piece {
    std::uint64_t offset = 0;  // in the file
    std::span<std::byte> bytes;
  };
  // The next `size` bytes, at a multiple of `align`, a power of two.  The pages behind them are there: what is not
  // ends in a Failure that says how many huge pages are missing.
  Piece Take(std::uint64_t size, std::uint64_t align);
  std::uint64_t used() const { return used_; }
  // Gives back what was not used.  Pre: nothing is being taken.
  void Keep();

 private:
  void GrowTo(std::uint64_t size);

  std::string path_;
  std::uint64_t page_size_;
  std::uint64_t capacity_;
  Descriptor fd_;
  std::byte* base_ = nullptr;  // of the address space
  std::size_t space_ = 0;
  std::byte* data_ = nullptr;  // of the file: a multiple of the page size
  std::uint64_t mapped_ = 0;
  std::uint64_t used_ = 0;
  std::mutex mutex_;
  bool is_kept_ = false;
};

}  // namespace holdfast::tool
