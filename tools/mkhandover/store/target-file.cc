// SPDX-License-Identifier: BSD-2-Clause
// A file that is being given back.

#include "tools/mkhandover/store/target-file.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {

TargetFile::TargetFile(Descriptor fd, std::string name, std::uint64_t size)
    : fd_(std::move(fd)), name_(std::move(name)), size_(size) {
  struct statfs filesystem {};
  if (fstatfs(fd_.get(), &filesystem) != 0) {
    FailWithErrno(name_);
  }
  const bool is_huge = static_cast<std::uint32_t>(filesystem.f_type) == HUGETLBFS_MAGIC;
  const auto page_size = static_cast<std::uint64_t>(filesystem.f_bsize);
  if (is_huge && size_ % page_size != 0) {
    throw Failure(ExitCode::kBadInput, Format("{}: its {} bytes are no number of pages of {}, and a file on hugetlbfs "
                                              "has nothing else: give -C DIR elsewhere",
                                              name_, size_, SizeText(page_size)));
  }
  if (ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) {
    FailWithErrno(name_);
  }
  if (is_huge && size_ != 0) {
    Map();
  }
}

// Without MAP_NORESERVE all its huge pages are set aside: no later write can find that there is none.
void TargetFile::Map() {
  void* const at =
      mmap(nullptr, static_cast<std::size_t>(size_), PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), /*offset=*/0);
  if (at != MAP_FAILED) {
    data_ = static_cast<std::byte*>(at);
  } else if (errno == ENOMEM) {
    throw Failure(ExitCode::kSystem,
                  Format("{}: no free huge pages for its {}: raise /proc/sys/vm/nr_hugepages", name_, SizeText(size_)));
  } else {
    FailWithErrno(Format("{}: mmap", name_));
  }
}

TargetFile::~TargetFile() {
  if (data_ != nullptr) {
    munmap(data_, static_cast<std::size_t>(size_));
  }
}

void TargetFile::Write(std::span<const std::byte> bytes, std::uint64_t offset) {
  if (data_ != nullptr) {
    std::memcpy(data_ + offset, bytes.data(), bytes.size());
    return;
  }
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0) {
      if (errno == EINTR) continue;
      FailWithErrno(name_);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

}  // namespace holdfast::tool
