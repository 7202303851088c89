// SPDX-License-Identifier: BSD-2-Clause
// The file of the index.

#include "tools/mkhandover/store/index-file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "common/base/align.h"
#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/memory-failure.h"
#include "tools/mkhandover/store/page-file.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

[[noreturn]] void FailForSize(const std::string& path) {
  throw Failure({Errc::kTableFull, kMaxStoreIndexPages},
                Format("{}: {}: an index takes at most {}: keep fewer files, or use larger pages", path,
                       ErrcName(Errc::kTableFull), CountText(kMaxStoreIndexPages, "page")));
}

[[noreturn]] void FailForLostPage(const std::string& path) {
  throw Failure(ExitCode::kBadInput,
                Format("{}: the kernel has put a page of it aside for memory failure: keep what is "
                       "still there in another store, with --store DIR",
                       path));
}

// A root of the next index, of which everything is known but where it lies.
void FillRoot(std::span<const std::byte> index, std::span<const PhysRange> runs, std::uint64_t page_size,
              const std::string& path, StoreRoot& out) {
  out.page_shift = static_cast<unsigned>(std::countr_zero(page_size));
  out.index_size = index.size();
  out.index_digest = DigestOf(index);
  out.pages.Clear();
  for (const PhysRange& run : runs) {
    if (IsLostRun(run)) {
      FailForLostPage(path);
    }
    for (std::uint64_t at = 0; at < run.size(); at += page_size) {
      if (!out.pages.Append(PhysAddr(run.start().raw() + at)).ok()) {
        FailForSize(path);
      }
    }
  }
}

}  // namespace

Status FindStoreRoot(std::span<const PhysRange> store, std::span<const std::byte> bytes, StoreRoot& out) {
  Status failure = Error{Errc::kNotFound, 0};
  std::size_t offset = 0;
  for (const PhysRange& range : store) {
    for (std::uint64_t at = 0; at + kStoreRootsSize <= range.size(); at += kPageSize) {
      const auto roots = bytes.subspan(offset + static_cast<std::size_t>(at), kStoreRootsSize);
      if (!BeginsStoreRoot(roots) && !BeginsStoreRoot(roots.subspan(kStoreRootSize))) {
        continue;
      }
      const Status status = ChooseStoreRoot(roots, &Sha256Blocks, out);
      // An old copy of a root, or its second one, lies where it does not say.
      if (status.ok() && out.pages[0].raw() == range.start().raw() + at) {
        return kDone;
      }
      if (!status.ok()) {
        failure = status;
      }
    }
    offset += static_cast<std::size_t>(range.size());
  }
  return failure;
}

IndexFile::IndexFile(std::string path) : path_(std::move(path)), fd_(open(path_.c_str(), O_RDWR | O_CLOEXEC)) {
  struct stat status {};
  if (fd_ < 0 || fstat(fd_, &status) != 0) {
    FailWithErrno(path_);
  }
  try {
    Map(static_cast<std::uint64_t>(status.st_size));
    RequireReadable(0, std::min<std::uint64_t>(kStoreRootsSize, size_));
    FailUnless(ChooseStoreRoot({data_, size_}, &Sha256Blocks, root_), path_);
    if (root_.index_offset + root_.index_size > size_) {
      FailToDecode(path_, {Errc::kTruncated, size_});
    }
    RequireReadable(root_.index_offset, root_.index_size);
    if (DigestOf(index()) != root_.index_digest) {
      FailToDecode(path_, {Errc::kBadDigest, root_.index_offset});
    }
  } catch (...) {
    Unmap();
    close(fd_);
    throw;
  }
}

IndexFile::~IndexFile() {
  Unmap();
  close(fd_);
}

void IndexFile::Map(std::uint64_t size) {
  void* const at = mmap(nullptr, static_cast<std::size_t>(size), PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (at == MAP_FAILED) {
    if (errno == ENOMEM) {
      throw Failure(ExitCode::kSystem, Format("{}: no free huge page for a larger index: raise "
                                              "/proc/sys/vm/nr_hugepages",
                                              path_));
    }
    FailWithErrno(Format("{}: mmap", path_));
  }
  Unmap();
  data_ = static_cast<std::byte*>(at);
  size_ = static_cast<std::size_t>(size);
}

void IndexFile::Unmap() {
  if (data_ != nullptr) {
    munmap(data_, size_);
    data_ = nullptr;
  }
}

void IndexFile::RequireReadable(std::uint64_t offset, std::uint64_t size) const {
  if (!CanBeRead({data_ + offset, static_cast<std::size_t>(size)})) {
    FailForLostPage(path_);
  }
}

std::span<const std::byte> IndexFile::index() const {
  return {data_ + root_.index_offset, static_cast<std::size_t>(root_.index_size)};
}

std::vector<PhysRange> IndexFile::RecordedRuns() const {
  std::vector<PhysRange> out;
  for (const PhysAddr page : root_.pages) {
    out.push_back(PhysRange::FromStartSize(page, std::uint64_t{1} << root_.page_shift).value());
  }
  return out;
}

void IndexFile::WriteRoot(const StoreRoot& root) {
  // Nobody may see the root before what it names.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  EncodeStoreRoot(root, {data_ + root.slot * kStoreRootSize, kStoreRootSize});
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void IndexFile::Write(std::span<const std::byte> index, const PageSource& pages) {
  const std::uint64_t page_size = std::uint64_t{1} << root_.page_shift;
  StoreRoot next;
  next.slot = 1 - root_.slot;
  next.sequence = root_.sequence + 1;
  next.index_offset = kStoreRootsSize;
  if (index.size() > root_.index_offset - kStoreRootsSize) {
    next.index_offset = AlignUp(root_.index_offset + root_.index_size, kStoreRecordAlignment);
  }
  const std::uint64_t end = AlignUp(next.index_offset + index.size(), page_size);
  if (end / page_size > kMaxStoreIndexPages) {
    FailForSize(path_);
  }
  if (end > size_) {
    const std::size_t old_size = size_;
    try {
      if (ftruncate(fd_, static_cast<off_t>(end)) != 0) {
        FailWithErrno(path_);
      }
      Map(end);
    } catch (...) {
      static_cast<void>(ftruncate(fd_, static_cast<off_t>(old_size)));
      throw;
    }
    std::memset(data_ + old_size, 0, size_ - old_size);  // Pages that nobody touched would be holes.
  }
  RequireReadable(0, kStoreRootsSize);
  RequireReadable(next.index_offset, index.size());
  std::memcpy(data_ + next.index_offset, index.data(), index.size());
  FillRoot(index, pages.RunsOf(path_), page_size, path_, next);
  WriteRoot(next);
  root_.pages.Clear();
  FailUnless(ChooseStoreRoot({data_, size_}, &Sha256Blocks, root_), path_);
}

void IndexFile::Create(const std::string& path, std::uint64_t page_size, std::span<const std::byte> index,
                       std::uint64_t sequence, const PageSource& pages) {
  const std::string beside = path + ".new";
  unlink(beside.c_str());
  StoreRoot root;
  root.sequence = sequence;
  root.index_offset = kStoreRootsSize;
  try {
    // As large again, so that the next one has a place.
    PageFile file(beside, page_size, kStoreRootsSize + 2 * index.size() + page_size);
    const auto piece = file.Take(kStoreRootsSize + 2 * AlignUp(index.size(), kStoreRecordAlignment), page_size);
    std::memcpy(piece.bytes.data() + root.index_offset, index.data(), index.size());
    file.Keep();
    FillRoot(index, pages.RunsOf(beside), page_size, path, root);
    EncodeStoreRoot(root, piece.bytes.first(kStoreRootSize));
    if (rename(beside.c_str(), path.c_str()) != 0) {
      FailWithErrno(path);
    }
  } catch (...) {
    unlink(beside.c_str());  // with its huge pages
    throw;
  }
}

}  // namespace holdfast::tool
