// SPDX-License-Identifier: BSD-2-Clause
// Files on hugetlbfs.

#include "tools/mkhandover/huge-file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <array>
#include <filesystem>
#include <string_view>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::uint64_t kStatBlock = 512;

// f_type is a signed long that holds an unsigned 32-bit magic.
std::uint64_t MagicOf(const struct statfs& status) { return static_cast<std::uint32_t>(status.f_type); }

struct statfs AskFilesystem(const std::string& path) {
  struct statfs status {};
  if (statfs(path.c_str(), &status) != 0) {
    FailWithErrno(path);
  }
  return status;
}

}  // namespace

std::string FilesystemName(std::uint64_t magic) {
  struct Known {
    std::uint64_t magic;
    std::string_view name;
  };
  constexpr std::array<Known, 10> kKnown = {{{HUGETLBFS_MAGIC, "hugetlbfs"},
                                             {TMPFS_MAGIC, "tmpfs"},
                                             {RAMFS_MAGIC, "ramfs"},
                                             {EXT4_SUPER_MAGIC, "ext4"},
                                             {XFS_SUPER_MAGIC, "xfs"},
                                             {BTRFS_SUPER_MAGIC, "btrfs"},
                                             {OVERLAYFS_SUPER_MAGIC, "overlayfs"},
                                             {NFS_SUPER_MAGIC, "nfs"},
                                             {PROC_SUPER_MAGIC, "proc"},
                                             {SYSFS_MAGIC, "sysfs"}}};
  for (const Known& known : kKnown) {
    if (known.magic == magic) {
      return std::string(known.name);
    }
  }
  return Format("filesystem {:#x}", magic);
}

bool IsOnHugetlbfs(const std::string& path) {
  struct statfs status {};
  if (statfs(path.c_str(), &status) != 0) {
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    if (statfs(folder.empty() ? "." : folder.c_str(), &status) != 0) {
      return false;
    }
  }
  return MagicOf(status) == HUGETLBFS_MAGIC;
}

HugeFile OpenHugeFile(const std::string& path) {
  // The filesystem first: the file of another kind need not even be readable to be refused.
  const std::uint64_t magic = MagicOf(AskFilesystem(path));
  if (magic != HUGETLBFS_MAGIC) {
    throw Failure(ExitCode::kBadInput, Format("{}: lies on {}, whose pages can move: put it on hugetlbfs, for example "
                                              "in /dev/hugepages",
                                              path, FilesystemName(magic)));
  }
  Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct statfs filesystem {};
  struct stat status {};
  if (!fd.valid() || fstatfs(fd.get(), &filesystem) != 0 || fstat(fd.get(), &status) != 0) {
    FailWithErrno(path);
  }
  if (!S_ISREG(status.st_mode) || MagicOf(filesystem) != HUGETLBFS_MAGIC) {
    throw Failure(ExitCode::kBadInput, Format("{}: no ordinary file on hugetlbfs", path));
  }
  const auto page_size = static_cast<std::uint64_t>(filesystem.f_bsize);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size == 0 || size % page_size != 0) {
    throw Failure(ExitCode::kBadInput, Format("{}: {} bytes are not a number of pages of {}: fill it first", path, size,
                                              SizeText(page_size)));
  }
  // Before anything is touched: a read would fill the hole with a page of zeros.
  const std::uint64_t allocated = static_cast<std::uint64_t>(status.st_blocks) * kStatBlock;
  if (allocated < size) {
    throw Failure(ExitCode::kBadInput, Format("{}: {} of its {} were never written: fill the holes first", path,
                                              SizeText(size - allocated), SizeText(size)));
  }
  return {.fd = std::move(fd), .page_size = page_size, .size = size};
}

}  // namespace holdfast::tool
