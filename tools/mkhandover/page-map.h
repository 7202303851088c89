// SPDX-License-Identifier: BSD-2-Clause
// Where a file's pages lie in physical memory.
//
// Only hugetlbfs will do: its pages sit still, while those of tmpfs, of an ordinary memfd and of anonymous memory
// are moved by compaction even under mlock.  Needs CAP_SYS_ADMIN, without which the kernel shows no frame numbers.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/codec/sha256.h"
#include "common/mem/phys-range.h"

namespace holdfast::tool {

// /proc/PID/pagemap, one entry a page (Documentation/admin-guide/mm/pagemap.rst).
struct PagemapEntry {
  static constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;

  std::uint64_t raw = 0;
  // Put aside for memory failure, so that it has no frame; what the kernel says of such a page differs by version.
  bool is_lost = false;

  constexpr bool present() const { return (raw >> 63 & 1) != 0; }
  constexpr bool swapped() const { return (raw >> 62 & 1) != 0; }
  // 0 for those who may not know.
  constexpr std::uint64_t frame() const { return raw & ((std::uint64_t{1} << 55) - 1); }
};

// The frames of pages of that size as ranges, sorted and joined where they touch.  Ends in a Failure that names
// `file` for an entry that is lost, absent, swapped out, hidden, or no page of that size.
std::vector<PhysRange> ExtentsOf(std::span<const PagemapEntry> pages, std::uint64_t page_size, const std::string& file);
// The same in the order of the file, for who wants to find a page of it again.  Lost pages are runs that IsLostRun().
std::vector<PhysRange> RunsOf(std::span<const PagemapEntry> pages, std::uint64_t page_size, const std::string& file);

// Indices of the pages, as their frames ascend.
std::vector<std::size_t> OrderOf(std::span<const PagemapEntry> pages);

struct FilePages {
  std::uint64_t page_size = 0;
  std::vector<PhysRange> extents;  // sorted, disjoint
  std::vector<std::size_t> order;  // the file's pages, as their addresses ascend
};
// Reads every frame number twice and compares.  Refuses a file that is not on hugetlbfs, is empty, has holes or lost a
// page.
FilePages PagesOfFile(const std::string& path);
// The same as RunsOf() a file, which may have lost pages.
std::vector<PhysRange> RunsOfFile(const std::string& path);

// Of what is in the file, as it lies in memory: its pages in ascending order of their addresses, which is how a tree
// has the ranges of a name.
Digest DigestOfPages(const std::string& path, const FilePages& pages);

// A file of one huge page that will hold a handover.  Gone again unless it is kept.
class HugePageFile {
 public:
  // Creates the file, or empties what is there.
  explicit HugePageFile(const std::string& path);
  ~HugePageFile();
  HugePageFile(const HugePageFile&) = delete;
  HugePageFile& operator=(const HugePageFile&) = delete;

  std::span<std::byte> bytes() const { return {data_, size_}; }
  PhysRange range() const { return range_; }
  // Checks that the page is still where it was.
  void Keep();

 private:
  PhysRange FindRange() const;

  std::string path_;
  int fd_ = -1;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  PhysRange range_;
  bool is_kept_ = false;
};

}  // namespace holdfast::tool
