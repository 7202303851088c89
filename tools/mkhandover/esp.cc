// SPDX-License-Identifier: BSD-2-Clause
// The EFI system partition: where it is mounted, and files on it.

#include "tools/mkhandover/esp.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/huge-file.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

namespace fs = std::filesystem;

constexpr std::array kPlaces = {"efi", "boot", "boot/efi"};

std::uint64_t MagicOf(const fs::path& folder) {
  struct statfs status {};
  return statfs(folder.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.f_type) : 0;
}

bool IsMountPoint(const fs::path& folder) {
  struct stat self {};
  struct stat parent {};
  return stat(folder.c_str(), &self) == 0 && stat((folder / "..").c_str(), &parent) == 0 &&
         self.st_dev != parent.st_dev;
}

void Flush(const fs::path& folder) {
  const Descriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || fsync(fd.get()) != 0) {
    FailWithErrno(folder.string());
  }
}

// Each folder is in its parent for good before anything is in it.
void MakeFolders(const fs::path& folder) {
  if (folder.empty() || fs::is_directory(folder)) {
    return;
  }
  const fs::path parent = folder.parent_path();
  MakeFolders(parent);
  if (mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) {
    FailWithErrno(folder.string());
  }
  Flush(parent.empty() ? "." : parent);
}

}  // namespace

fs::path FindEsp(const fs::path& root) {
  for (const char* const place : kPlaces) {
    const fs::path folder = root / place;
    if (MagicOf(folder) == MSDOS_SUPER_MAGIC && IsMountPoint(folder) && fs::is_directory(folder / "EFI")) {
      return folder;
    }
  }
  throw Failure(
      ExitCode::kUsage,
      "no ESP: neither /efi nor /boot nor /boot/efi is a mounted FAT with a folder EFI: mount it, or say where "
      "it is with --esp DIR");
}

fs::path TakeEsp(const fs::path& folder, Output& output) {
  if (!fs::is_directory(folder)) {
    throw Failure(ExitCode::kUsage, Format("--esp {}: no folder: mount the ESP there first", folder.string()));
  }
  if (const std::uint64_t magic = MagicOf(folder); magic != MSDOS_SUPER_MAGIC) {
    output.Warn(Format("{}: lies on {}, which firmware does not read: copy it onto a FAT", folder.string(),
                       FilesystemName(magic)));
  }
  return folder;
}

void WriteOnEsp(const fs::path& path, std::span<const std::byte> bytes) {
  MakeFolders(path.parent_path());
  WriteFile(path.string(), bytes);
  Flush(path.parent_path());
}

bool RemoveOnEsp(const fs::path& path) {
  if (unlink(path.c_str()) != 0) {
    if (errno == ENOENT) {
      return false;
    }
    FailWithErrno(path.string());
  }
  Flush(path.parent_path());
  return true;
}

}  // namespace holdfast::tool
