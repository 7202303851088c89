// SPDX-License-Identifier: BSD-2-Clause
// Kept memory after the kexec: the seam between physical addresses and mapped bytes.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/mem/phys-range.h"
#include "tools/mkhandover/files.h"

namespace holdfast::tool {

// Ranges of memory in one row.  Read-only; mapped, not copied.
class MappedRuns {
 public:
  MappedRuns(std::byte* base, std::size_t space) : base_(base), space_(space) {}
  ~MappedRuns();
  MappedRuns(const MappedRuns&) = delete;
  MappedRuns& operator=(const MappedRuns&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  friend class PhysicalMemory;
  friend std::unique_ptr<MappedRuns> MapFile(const std::string& path, std::uint64_t size);
  std::byte* base_;
  std::size_t space_;
  std::span<const std::byte> bytes_;
};

// A file as it is now, in one piece.
std::unique_ptr<MappedRuns> MapFile(const std::string& path, std::uint64_t size);

// Where ranges lie in a device or a file.
struct PhysicalPart {
  PhysRange range;
  std::size_t file = 0;
  std::uint64_t offset = 0;
  std::string name;
};

class PhysicalMemory {
 public:
  // This machine's: /dev/mem, and before it every /dev/pmemN and /dev/daxN.N, which has taken its range away from
  // /dev/mem.  A mapping of the first is the page cache's copy; one of the others, and of /dev/mem, is the memory
  // itself.
  PhysicalMemory();
  // For tests: a folder of files named by the address of their first byte (0x1000.bin).
  explicit PhysicalMemory(const std::string& folder);

  // Lost runs take their space alone.  Ends in a Failure where memory is not there or the kernel does not allow it.
  std::unique_ptr<MappedRuns> Map(std::span<const PhysRange> runs) const;

 private:
  void AddPmem();
  PhysRange WhatComesFrom(const PhysicalPart& part, PhysRange run) const;

  std::vector<Descriptor> files_;
  std::vector<PhysicalPart> parts_;  // the first that has a byte is asked
  int without_dev_mem_ = 0;          // why it could not be opened
};

}  // namespace holdfast::tool
