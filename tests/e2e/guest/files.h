// SPDX-License-Identifier: BSD-2-Clause
// What the guest's programs share: files of filled pages, and where in memory those lie.

#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "tests/e2e/page-pattern.h"

namespace holdfast::e2e::guest {

struct Extent {
  std::uint64_t start;
  std::uint64_t size;
};

[[noreturn]] inline void FailWithErrno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// "0x1000", "4096", "4K", "2M", "1G"
inline std::uint64_t ParseNumber(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const std::uint64_t value = std::strtoull(text.c_str(), &end, 0);
  if (errno != 0 || end == text.c_str()) throw std::runtime_error("not a number: " + text);
  const std::string unit = end;
  if (unit == "K") return value << 10;
  if (unit == "M") return value << 20;
  if (unit == "G") return value << 30;
  if (!unit.empty()) throw std::runtime_error("not a number: " + text);
  return value;
}

class File {
 public:
  File(const std::string& path, int flags) : File(open(path.c_str(), flags | O_CLOEXEC, 0600), path) {}
  // Takes the descriptor over; fails with errno if there is none.
  File(int fd, const std::string& path) : path_(path), fd_(fd) {
    if (fd_ < 0) FailWithErrno(path);
  }
  ~File() { close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

  std::uint64_t Size() const {
    struct stat status;
    if (fstat(fd_, &status) != 0) FailWithErrno(path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  void Resize(std::uint64_t size) {
    if (ftruncate(fd_, static_cast<off_t>(size)) != 0) FailWithErrno(path_);
  }

 private:
  std::string path_;
  int fd_;
};

class Mapping {
 public:
  Mapping(const File& file, std::uint64_t offset, std::uint64_t size, int protection) : size_(size) {
    void* at = mmap(nullptr, size, protection, MAP_SHARED, file.fd(), static_cast<off_t>(offset));
    data_ = at == MAP_FAILED ? nullptr : static_cast<std::byte*>(at);
  }
  ~Mapping() {
    if (data_ != nullptr) munmap(data_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  bool ok() const { return data_ != nullptr; }  // errno says why not
  std::byte* data() const { return data_; }
  std::span<std::byte, kPageSize> Page(std::uint64_t index) const {
    return std::span<std::byte, kPageSize>(data_ + index * kPageSize, kPageSize);
  }

 private:
  std::byte* data_;
  std::uint64_t size_;
};

inline void FillFile(const File& file, std::uint64_t seed) {
  const std::uint64_t size = file.Size();
  const Mapping mapping(file, 0, size, PROT_READ | PROT_WRITE);
  if (!mapping.ok()) FailWithErrno(file.path());
  for (std::uint64_t page = 0; page < size / kPageSize; ++page) FillPage(seed, page, mapping.Page(page));
}

// Physical address of each page of a file, in file order; every page is there afterwards.  `page_size` is the file's,
// which has whole pages only.
inline std::vector<std::uint64_t> PagesOf(const File& file, std::uint64_t page_size) {
  const std::uint64_t size = file.Size();
  const Mapping mapping(file, 0, size, PROT_READ | PROT_WRITE);
  if (!mapping.ok()) FailWithErrno(file.path());

  const File pagemap("/proc/self/pagemap", O_RDONLY);
  std::vector<std::uint64_t> pages;
  for (std::uint64_t at = 0; at < size; at += page_size) {
    static_cast<volatile std::byte*>(mapping.data())[at];  // Fault it in: the page map shows only what is mapped.
    std::uint64_t entry = 0;
    const std::uint64_t index = (reinterpret_cast<std::uintptr_t>(mapping.data()) + at) / kPageSize;
    if (pread(pagemap.fd(), &entry, sizeof entry, static_cast<off_t>(index * sizeof entry)) != sizeof entry) {
      FailWithErrno(pagemap.path());
    }
    const std::uint64_t frame = entry & ((std::uint64_t{1} << 55) - 1);
    if ((entry >> 63) == 0 || frame == 0) throw std::runtime_error(file.path() + ": the page map hides a frame");
    pages.push_back(frame * kPageSize);
  }
  return pages;
}

inline std::vector<Extent> ExtentsOf(const File& file, std::uint64_t page_size) {
  std::vector<Extent> extents;
  for (const std::uint64_t page : PagesOf(file, page_size)) {
    if (!extents.empty() && extents.back().start + extents.back().size == page) {
      extents.back().size += page_size;
    } else {
      extents.push_back({page, page_size});
    }
  }
  return extents;
}

inline void Print(const std::vector<Extent>& extents, std::ostream& out) {
  for (const Extent& extent : extents) {
    char line[64];
    std::snprintf(line, sizeof line, "0x%llx 0x%llx\n", static_cast<unsigned long long>(extent.start),
                  static_cast<unsigned long long>(extent.size));
    out << line;
  }
}

// Counts of what became of the pages.
struct Verdict {
  std::uint64_t num_pages = 0;
  std::uint64_t num_different = 0;
  std::uint64_t num_refused = 0;  // of those that differ: the kernel uses them and /dev/mem says so

  // Prints it; returns the exit code.
  int Report(const char* program, std::uint64_t seed) const {
    std::printf("%s: 0x%llx %s, %llu of %llu pages differ", program, static_cast<unsigned long long>(seed),
                num_different == 0 ? "intact" : "LOST", static_cast<unsigned long long>(num_different),
                static_cast<unsigned long long>(num_pages));
    if (num_refused != 0) {
      std::printf(", %llu of them taken by the kernel", static_cast<unsigned long long>(num_refused));
    }
    std::printf("\n");
    return num_different == 0 ? 0 : 1;
  }
};

// What a file itself holds.
inline Verdict CheckFile(const File& file, std::uint64_t seed) {
  Verdict verdict;
  verdict.num_pages = file.Size() / kPageSize;
  const Mapping mapping(file, 0, file.Size(), PROT_READ);
  if (!mapping.ok()) FailWithErrno(file.path());
  for (std::uint64_t page = 0; page < verdict.num_pages; ++page) {
    if (!PageIsIntact(seed, page, mapping.Page(page))) ++verdict.num_different;
  }
  return verdict;
}

}  // namespace holdfast::e2e::guest
