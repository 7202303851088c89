// SPDX-License-Identifier: BSD-2-Clause
// Where a file's pages lie in physical memory.

#include "tools/mkhandover/page-map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <numeric>

#include "common/format/store.h"
#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/huge-file.h"
#include "tools/mkhandover/memory-failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kPagemap = "/proc/self/pagemap";

// Memory that a file is mapped to.
class Mapping {
 public:
  Mapping(int fd, std::size_t size, int protection, const std::string& file) : size_(size) {
    void* const at = mmap(nullptr, size, protection, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
      FailWithErrno(Format("{}: mmap", file));
    }
    data_ = static_cast<std::byte*>(at);
  }
  ~Mapping() {
    if (data_ != nullptr) munmap(data_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::byte* data() const { return data_; }
  std::byte* Release() { return std::exchange(data_, nullptr); }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_;
};

// By page: whether it can be touched.  Those that can are in memory then.
std::vector<bool> FaultIn(const std::byte* data, std::size_t size, std::uint64_t page_size) {
  std::vector<bool> can_be_read(size / page_size, true);
  const bool all = CanBeRead({data, size});
  for (std::size_t i = 0; i < can_be_read.size(); ++i) {
    const std::byte* const page = data + i * page_size;
    can_be_read[i] = all || CanBeRead({page, static_cast<std::size_t>(page_size)});
    if (can_be_read[i]) {
      static_cast<void>(*static_cast<const volatile std::byte*>(page));
    }
  }
  return can_be_read;
}

// The entry of the first 4 KiB of each page: the rest of a huge page follows it.
std::vector<PagemapEntry> ReadPagemap(const std::byte* data, std::size_t size, std::uint64_t page_size) {
  const std::vector<bool> can_be_read = FaultIn(data, size, page_size);
  const Descriptor fd(open(kPagemap, O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    FailWithErrno(kPagemap);
  }
  std::vector<PagemapEntry> entries;
  for (std::size_t offset = 0; offset < size; offset += page_size) {
    const auto address = reinterpret_cast<std::uintptr_t>(data + offset);
    PagemapEntry entry;
    entry.is_lost = !can_be_read[offset / page_size];
    const auto where = static_cast<off_t>(address / kPageSize * sizeof(entry.raw));
    if (pread(fd.get(), &entry.raw, sizeof(entry.raw), where) != static_cast<ssize_t>(sizeof(entry.raw))) {
      FailWithErrno(kPagemap);
    }
    entries.push_back(entry);
  }
  return entries;
}

[[noreturn]] void FailToSitStill(const std::string& file) {
  throw Failure(ExitCode::kSystem, Format("{}: its pages moved while they were read: run this again, as the last thing "
                                          "before kexec",
                                          file));
}

// The frames as ranges of a page each, and lost pages as what IsLostRun().
std::vector<PhysRange> RangesOf(std::span<const PagemapEntry> pages, std::uint64_t page_size, const std::string& file) {
  std::vector<PhysRange> ranges;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const PagemapEntry page = pages[i];
    if (page.is_lost) {
      ranges.push_back(PhysRange::FromStartSize(PhysAddr(kStoreNoPage), page_size).value());
      continue;
    }
    if (page.swapped() || !page.present()) {
      throw Failure(ExitCode::kBadInput, Format("{}: page {} is {}: every page of it must be in memory", file, i,
                                                page.swapped() ? "swapped out" : "absent"));
    }
    if (page.frame() == 0) {
      throw Failure(ExitCode::kSystem,
                    Format("{}: the kernel hides where its pages lie: run this as root (CAP_SYS_ADMIN)", file));
    }
    const auto range = page.frame() < kPhysLimit / kPageSize
                           ? PhysRange::FromStartSize(PhysAddr(page.frame() * kPageSize), page_size)
                           : Result<PhysRange>(Error{Errc::kOutOfBounds, page.frame()});
    if (!range.ok() || !IsAligned(range.value().start().raw(), page_size)) {
      throw Failure(ExitCode::kBadInput, Format("{}: page {} at frame {} is no page of {}", file, i, Hex(page.frame()),
                                                SizeText(page_size)));
    }
    ranges.push_back(range.value());
  }
  return ranges;
}

// Joins those that touch their predecessor, and lost ones with lost ones: these lie nowhere.
std::vector<PhysRange> Joined(const std::vector<PhysRange>& ranges) {
  std::vector<PhysRange> extents;
  for (const PhysRange& range : ranges) {
    const bool is_lost = IsLostRun(range);
    if (!extents.empty() && IsLostRun(extents.back()) == is_lost &&
        (is_lost || extents.back().end() == range.start())) {
      extents.back() = PhysRange::FromStartSize(extents.back().start(), extents.back().size() + range.size()).value();
    } else {
      extents.push_back(range);
    }
  }
  return extents;
}

}  // namespace

std::vector<PhysRange> ExtentsOf(std::span<const PagemapEntry> pages, std::uint64_t page_size,
                                 const std::string& file) {
  const auto lost = std::find_if(pages.begin(), pages.end(), [](PagemapEntry page) { return page.is_lost; });
  if (lost != pages.end()) {
    const auto number = static_cast<std::uint64_t>(lost - pages.begin());
    throw Failure(ExitCode::kBadInput,
                  Format("{}: from offset {} on, {}: the kernel has put this page aside for memory "
                         "failure: what was there is lost: write the file anew",
                         file, Hex(number * page_size), SizeText(page_size)));
  }
  std::vector<PhysRange> ranges = RangesOf(pages, page_size, file);
  std::sort(ranges.begin(), ranges.end(), [](PhysRange a, PhysRange b) { return a.start() < b.start(); });
  return Joined(ranges);
}

std::vector<PhysRange> RunsOf(std::span<const PagemapEntry> pages, std::uint64_t page_size, const std::string& file) {
  return Joined(RangesOf(pages, page_size, file));
}

std::vector<std::size_t> OrderOf(std::span<const PagemapEntry> pages) {
  std::vector<std::size_t> out(pages.size());
  std::iota(out.begin(), out.end(), std::size_t{0});
  std::sort(out.begin(), out.end(),
            [pages](std::size_t a, std::size_t b) { return pages[a].frame() < pages[b].frame(); });
  return out;
}

namespace {

struct ReadPages {
  std::uint64_t page_size = 0;
  std::vector<PagemapEntry> entries;
};

ReadPages ReadPagesOf(const std::string& path) {
  const HugeFile file = OpenHugeFile(path);
  const std::uint64_t page_size = file.page_size;
  const Mapping mapping(file.fd.get(), file.size, PROT_READ, path);
  auto first = ReadPagemap(mapping.data(), file.size, page_size);
  const auto second = ReadPagemap(mapping.data(), file.size, page_size);
  if (!std::equal(first.begin(), first.end(), second.begin(), second.end(), [](PagemapEntry a, PagemapEntry b) {
        return a.is_lost == b.is_lost && a.present() == b.present() && a.frame() == b.frame();
      })) {
    FailToSitStill(path);
  }
  return {.page_size = page_size, .entries = std::move(first)};
}

}  // namespace

FilePages PagesOfFile(const std::string& path) {
  const ReadPages pages = ReadPagesOf(path);
  return {.page_size = pages.page_size,
          .extents = ExtentsOf(pages.entries, pages.page_size, path),
          .order = OrderOf(pages.entries)};
}

std::vector<PhysRange> RunsOfFile(const std::string& path) {
  const ReadPages pages = ReadPagesOf(path);
  return RunsOf(pages.entries, pages.page_size, path);
}

Digest DigestOfPages(const std::string& path, const FilePages& pages) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!fd.valid() || fstat(fd.get(), &status) != 0) {
    FailWithErrno(path);
  }
  const std::uint64_t size = pages.order.size() * pages.page_size;
  if (static_cast<std::uint64_t>(status.st_size) != size) {
    FailToSitStill(path);
  }
  const Mapping mapping(fd.get(), size, PROT_READ, path);
  DigestStream digest;
  for (const std::size_t page : pages.order) {
    digest.Add({mapping.data() + page * pages.page_size, static_cast<std::size_t>(pages.page_size)});
  }
  return digest.Done();
}

HugePageFile::HugePageFile(const std::string& path) : path_(path) {
  Descriptor fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  struct statfs filesystem {};
  if (!fd.valid() || fstatfs(fd.get(), &filesystem) != 0 || ftruncate(fd.get(), 0) != 0) {
    FailWithErrno(path);
  }
  size_ = static_cast<std::size_t>(filesystem.f_bsize);
  // Takes the page now: without one a first write would end in SIGBUS.
  if (fallocate(fd.get(), 0, 0, static_cast<off_t>(size_)) != 0) {
    const int reason = errno;
    unlink(path.c_str());
    if (reason == ENOSPC || reason == ENOMEM) {
      throw Failure(ExitCode::kSystem, Format("{}: no free huge page of {}: raise /proc/sys/vm/nr_hugepages by one",
                                              path, SizeText(size_)));
    }
    errno = reason;
    FailWithErrno(path);
  }
  try {
    Mapping mapping(fd.get(), size_, PROT_READ | PROT_WRITE, path);
    data_ = mapping.data();
    range_ = FindRange();
    mapping.Release();
  } catch (...) {
    unlink(path.c_str());
    throw;
  }
  fd_ = fd.Release();
}

HugePageFile::~HugePageFile() {
  munmap(data_, size_);
  close(fd_);
  if (!is_kept_) {
    unlink(path_.c_str());
  }
}

PhysRange HugePageFile::FindRange() const { return ExtentsOf(ReadPagemap(data_, size_, size_), size_, path_).at(0); }

void HugePageFile::Keep() {
  if (FindRange() != range_) {
    FailToSitStill(path_);
  }
  is_kept_ = true;
}

}  // namespace holdfast::tool
