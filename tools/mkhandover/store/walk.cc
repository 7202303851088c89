// SPDX-License-Identifier: BSD-2-Clause
// Files and folders as objects.

#include "tools/mkhandover/store/walk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kStandardInput = "-";
constexpr mode_t kPermissions = 07777;

StoreTime TimeOf(const struct timespec& time) {
  return {.seconds = time.tv_sec, .nanoseconds = static_cast<std::uint32_t>(time.tv_nsec)};
}

StoreObjectKind KindOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return StoreObjectKind::kDirectory;
    case S_IFLNK:
      return StoreObjectKind::kSymlink;
    case S_IFIFO:
      return StoreObjectKind::kFifo;
    case S_IFCHR:
      return StoreObjectKind::kCharDevice;
    case S_IFBLK:
      return StoreObjectKind::kBlockDevice;
    default:
      return StoreObjectKind::kFile;
  }
}

std::string ReadLink(const std::string& path) {
  std::string target(kMaxStorePath + 1, '\0');
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  if (size < 0) {
    FailWithErrno(path);
  }
  target.resize(static_cast<std::size_t>(size));
  return target;
}

std::vector<KeptAttribute> ReadAttributes(const std::string& path) {
  std::vector<KeptAttribute> out;
  std::string names(kMaxAttributeValue, '\0');
  const ssize_t size = llistxattr(path.c_str(), names.data(), names.size());
  if (size < 0) {
    if (errno == ENOTSUP) {
      return out;
    }
    FailWithErrno(Format("{}: extended attributes", path));
  }
  names.resize(static_cast<std::size_t>(size));
  std::vector<std::byte> value(kMaxAttributeValue);
  for (std::size_t at = 0; at < names.size();) {
    const std::string name = names.c_str() + at;
    at += name.size() + 1;
    const ssize_t got = lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (got < 0) {
      if (errno == ENODATA) {
        continue;  // It is gone again.
      }
      FailWithErrno(Format("{}: {}", path, name));
    }
    out.push_back({.name = name, .value = {value.begin(), value.begin() + got}});
  }
  return out;
}

class Walk {
 public:
  explicit Walk(Output& output) : output_(output) {}

  void Add(const std::string& file) {
    if (file == kStandardInput) {
      KeptObject object;
      object.about.kind = StoreObjectKind::kStream;
      object.about.mode = 0600;
      object.about.uid = geteuid();
      object.about.gid = getegid();
      object.path = "stdin";
      Push(file, std::move(object));
      return;
    }
    std::filesystem::path name = std::filesystem::path(file).lexically_normal();
    name = name.has_filename() ? name.filename() : name.parent_path().filename();
    if (name.empty() || name == "." || name == "..") {
      name = std::filesystem::weakly_canonical(file).filename();
    }
    if (name.empty()) {
      throw Failure(ExitCode::kUsage, Format("{}: has no name to keep it under: give what is in it", file));
    }
    // A stack in the place of recursion: nobody knows how deep it goes.
    std::vector<std::pair<std::string, std::string>> left = {{file, name.string()}};
    while (!left.empty()) {
      const auto [path, as] = left.back();
      left.pop_back();
      if (AddOne(path, as)) {
        std::vector<std::string> children;
        for (const auto& entry : std::filesystem::directory_iterator(path)) {
          children.push_back(entry.path().filename().string());
        }
        std::sort(children.rbegin(), children.rend());
        for (const std::string& child : children) {
          left.emplace_back(path + "/" + child, as + "/" + child);
        }
      }
    }
  }

  std::vector<FoundFile> Take() { return std::move(found_); }

 private:
  void Push(const std::string& path, KeptObject object) {
    if (!taken_.insert(object.path).second) {
      throw Failure(ExitCode::kUsage, Format("{}: {} is kept already: two FILEs of one name go into two nodes", path,
                                             Printable(object.path)));
    }
    found_.push_back({.path = path, .object = std::move(object)});
  }

  // Whether there is more in it.
  bool AddOne(const std::string& path, const std::string& as) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) {
      FailWithErrno(path);
    }
    if (S_ISSOCK(status.st_mode)) {
      output_.Warn(Format("{}: a socket is left out", path));
      return false;
    }
    KeptObject object;
    object.path = as;
    object.about.kind = KindOf(status.st_mode);
    object.about.mode = status.st_mode & kPermissions;
    object.about.uid = status.st_uid;
    object.about.gid = status.st_gid;
    object.about.modified = TimeOf(status.st_mtim);
    object.about.accessed = TimeOf(status.st_atim);
    if (status.st_nlink > 1 && !S_ISDIR(status.st_mode)) {
      const auto [first, is_new] = links_.emplace(std::pair(status.st_dev, status.st_ino), found_.size());
      if (!is_new) {
        object.about.kind = StoreObjectKind::kHardLink;
        object.about.link = static_cast<std::uint32_t>(first->second);
        Push(path, std::move(object));
        return false;
      }
    }
    if (S_ISREG(status.st_mode)) {
      object.about.size = static_cast<std::uint64_t>(status.st_size);
    } else if (S_ISLNK(status.st_mode)) {
      object.target = ReadLink(path);
    } else if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
      object.about.device_major = major(status.st_rdev);
      object.about.device_minor = minor(status.st_rdev);
    }
    object.attributes = ReadAttributes(path);
    Push(path, std::move(object));
    return S_ISDIR(status.st_mode);
  }

  Output& output_;
  std::vector<FoundFile> found_;
  std::set<std::string> taken_;
  std::map<std::pair<dev_t, ino_t>, std::size_t> links_;
};

std::shared_ptr<Descriptor> OpenQuietly(const std::string& path) {
  // Without a trace in its time of access, where we may.
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOATIME);
  if (fd < 0 && errno == EPERM) {
    fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  }
  if (fd < 0) {
    FailWithErrno(path);
  }
  return std::make_shared<Descriptor>(fd);
}

void ReadAllAt(int fd, std::span<std::byte> to, std::uint64_t offset, const std::string& path) {
  while (!to.empty()) {
    const ssize_t n = pread(fd, to.data(), to.size(), static_cast<off_t>(offset));
    if (n < 0) {
      if (errno == EINTR) continue;
      FailWithErrno(path);
    }
    if (n == 0) {
      throw Failure(ExitCode::kBadInput,
                    Format("{}: became shorter while it was read: keep it when nobody writes it", path));
    }
    to = to.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

// The end of the hole or of the data that `from` is in.
std::uint64_t Seek(int fd, std::uint64_t from, int whence, std::uint64_t size, const std::string& path) {
  const off_t at = lseek(fd, static_cast<off_t>(from), whence);
  if (at < 0) {
    if (errno == ENXIO) {
      return size;  // Nothing but a hole.
    }
    FailWithErrno(path);
  }
  return std::min(static_cast<std::uint64_t>(at), size);
}

void SaveContents(const FoundFile& file, std::uint32_t number, Saver& saver, Progress& progress) {
  const auto fd = OpenQuietly(file.path);
  const std::uint64_t size = file.object.about.size;
  for (std::uint64_t at = 0; at < size;) {
    at = Seek(fd->get(), at, SEEK_DATA, size, file.path);
    const std::uint64_t end = Seek(fd->get(), at, SEEK_HOLE, size, file.path);
    while (at < end) {
      const std::uint64_t length = std::min(kMaxStoreBlock - at % kMaxStoreBlock, end - at);
      saver.AddBlock(number, StoreData::kPages, at, length,
                     [fd, at, path = file.path, &progress](std::span<std::byte> to) {
                       ReadAllAt(fd->get(), to, at, path);
                       progress.Add(to.size());
                     });
      at += length;
    }
  }
}

void SaveStandardInput(std::uint32_t number, Saver& saver, Progress& progress) {
  std::uint64_t offset = 0;
  for (bool more = true; more;) {
    const auto block = std::make_shared<std::vector<std::byte>>(kMaxStoreBlock);
    std::size_t used = 0;
    while (used < block->size()) {
      const ssize_t n = read(STDIN_FILENO, block->data() + used, block->size() - used);
      if (n < 0) {
        if (errno == EINTR) continue;
        FailWithErrno("standard input");
      }
      if (n == 0) {
        more = false;
        break;
      }
      used += static_cast<std::size_t>(n);
    }
    if (used != 0) {
      saver.AddBlock(number, StoreData::kPages, offset, used, [block, &progress](std::span<std::byte> to) {
        std::memcpy(to.data(), block->data(), to.size());
        progress.Add(to.size());
      });
      offset += used;
    }
  }
  saver.object(number).about.size = offset;
}

}  // namespace

std::vector<FoundFile> FindFiles(const std::vector<std::string>& files, Output& output) {
  Walk walk(output);
  for (const std::string& file : files) {
    walk.Add(file);
  }
  return walk.Take();
}

void SaveFiles(const std::vector<FoundFile>& files, Saver& saver, Progress& progress) {
  for (const FoundFile& file : files) {
    const std::uint32_t number = saver.AddObject(file.object);
    if (file.object.about.kind == StoreObjectKind::kStream) {
      SaveStandardInput(number, saver, progress);
    } else if (file.object.about.kind == StoreObjectKind::kFile && file.object.about.size != 0) {
      if (saver.store().pages().Holds(file.path)) {
        saver.Describe(number, file.path);
        progress.Add(file.object.about.size);
      } else {
        SaveContents(file, number, saver, progress);
      }
    }
  }
}

}  // namespace holdfast::tool
