// SPDX-License-Identifier: BSD-2-Clause
// A file of the store while it is being written: it grows by pages and is mapped in one piece.

#include "tools/mkhandover/store/page-file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/align.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// Each step is a mapping of its own, of which a process may have 65530.
constexpr std::uint64_t kStep = 64 * kMiB;

}  // namespace

PageFile::PageFile(std::string path, std::uint64_t page_size, std::uint64_t capacity)
    : path_(std::move(path)),
      page_size_(page_size),
      capacity_(AlignUp(std::max(capacity, std::uint64_t{1}), page_size)),
      fd_(open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
  if (!fd_.valid()) {
    FailWithErrno(path_);
  }
  space_ = static_cast<std::size_t>(capacity_ + page_size_);
  void* const at = mmap(nullptr, space_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) {
    const int reason = errno;
    unlink(path_.c_str());
    errno = reason;
    FailWithErrno(Format("address space of {}", SizeText(space_)));
  }
  base_ = static_cast<std::byte*>(at);
  const auto address = reinterpret_cast<std::uintptr_t>(base_);
  data_ = base_ + (AlignUp(address, page_size_) - address);
}

PageFile::~PageFile() {
  munmap(base_, space_);
  if (!is_kept_) {
    unlink(path_.c_str());
  }
}

PageFile::Piece PageFile::Take(std::uint64_t size, std::uint64_t align) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t offset = AlignUp(used_, align);
  if (offset > capacity_ || size > capacity_ - offset) {
    throw Failure({Errc::kTableFull, capacity_}, Format("{}: {}: more than the {} that were to be saved", path_,
                                                        ErrcName(Errc::kTableFull), SizeText(capacity_)));
  }
  if (offset + size > mapped_) {
    GrowTo(AlignUp(offset + size, page_size_));
  }
  used_ = offset + size;
  return {.offset = offset, .bytes = {data_ + offset, static_cast<std::size_t>(size)}};
}

// Without MAP_NORESERVE the mapping has its huge pages set aside: no later write can find that there is none.
void PageFile::GrowTo(std::uint64_t size) {
  for (const std::uint64_t wish : {std::min(AlignUp(mapped_ + kStep, page_size_), capacity_), size}) {
    const std::uint64_t end = std::max(wish, size);
    if (ftruncate(fd_.get(), static_cast<off_t>(end)) != 0) {
      FailWithErrno(path_);
    }
    void* const at = mmap(data_ + mapped_, static_cast<std::size_t>(end - mapped_), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_FIXED, fd_.get(), static_cast<off_t>(mapped_));
    if (at != MAP_FAILED) {
      mapped_ = end;
      return;
    }
    if (errno != ENOMEM) {
      FailWithErrno(path_);
    }
  }
  const std::uint64_t missing = (size - mapped_) / page_size_;
  throw Failure(ExitCode::kSystem,
                Format("{}: {} of {}: no free huge page for the next {}: raise "
                       "/proc/sys/vm/nr_hugepages by what is still to be saved",
                       path_, CountText(missing, "page"), SizeText(page_size_), SizeText(size - mapped_)));
}

void PageFile::Keep() {
  const std::uint64_t end = AlignUp(std::max(used_, std::uint64_t{1}), page_size_);
  if (end > mapped_) {
    GrowTo(end);
  }
  // A page that nobody touched would be a hole.
  for (std::uint64_t offset = 0; offset < end; offset += page_size_) {
    static_cast<void>(*static_cast<volatile std::byte*>(data_ + offset));
  }
  if (ftruncate(fd_.get(), static_cast<off_t>(end)) != 0) {
    FailWithErrno(path_);
  }
  is_kept_ = true;
}

}  // namespace holdfast::tool
