// SPDX-License-Identifier: BSD-2-Clause
// Files whose pages sit still, and where these lie: the seam between the store and hugetlbfs.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/mem/phys-range.h"

namespace holdfast::tool {

class PageSource {
 public:
  virtual ~PageSource() = default;

  // Whether the file, or one that would be made there, has pages that sit still.
  virtual bool Holds(const std::string& path) const = 0;
  // Bytes; a power of two.  Pre: it holds the folder.
  virtual std::uint64_t PageSizeIn(const std::string& folder) const = 0;
  // Bytes.  Ends in a Failure for holes, and for a size that is no number of pages.
  virtual std::uint64_t SizeOf(const std::string& path) const = 0;
  // Where the file's pages lie, in its order, read twice; pages that the kernel has put aside for memory failure are
  // runs that IsLostRun().  Ends in a Failure as SizeOf() does.
  virtual std::vector<PhysRange> RunsOf(const std::string& path) const = 0;
};

// Hugetlbfs; needs CAP_SYS_ADMIN to say where pages lie.
std::unique_ptr<PageSource> MakeHugePageSource();
// For tests: ordinary files below `root`, with pages of `page_size` at addresses that follow from their inodes.  Of
// FILE the pages are lost whose numbers FILE.poisoned has.
std::unique_ptr<PageSource> MakePlainSource(const std::string& root, std::uint64_t page_size);

}  // namespace holdfast::tool
