// SPDX-License-Identifier: BSD-2-Clause
// A node's objects as files again.

#include "tools/mkhandover/store/restorer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>

#include "common/codec/zstd.h"
#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/store/inner-folder.h"
#include "tools/mkhandover/store/target-file.h"
#include "tools/mkhandover/store/workers.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::string_view kDamaged = ".damaged";

bool HasContents(const KeptObject& object) {
  return object.about.kind == StoreObjectKind::kFile || object.about.kind == StoreObjectKind::kStream;
}

struct timespec TimeOf(const StoreTime& time) {
  return {time.seconds, static_cast<long>(time.nanoseconds)};
}

class Restorer {
 public:
  Restorer(Store& store, const KeptNode& node, const std::string& folder, Progress& progress, Output& output)
      : store_(store), node_(node), folder_(folder), progress_(progress), output_(output) {}

  Restored Run() {
    for (const KeptObject& object : node_.objects) {
      Make(object);
    }
    workers_.Finish();
    // What is in a folder before the folder, whose times it would change.
    for (auto object = node_.objects.rbegin(); object != node_.objects.rend(); ++object) {
      if (object->about.kind != StoreObjectKind::kHardLink) {
        GiveBack(*object);
      }
    }
    for (const auto& [path, offset] : lost_) {
      MarkDamaged(path);
      out_.lost.push_back({.path = path, .offset = offset});
    }
    out_.objects = node_.objects.size();
    return out_;
  }

 private:
  void Make(const KeptObject& object) {
    const InnerFolder::Place at = folder_.Find(object.path);
    if (HasContents(object)) {
      return MakeFile(object, at);
    }
    if (MakeOther(object, at) != 0) {
      FailWithErrno(folder_.NameOf(object.path));
    }
  }

  int MakeOther(const KeptObject& object, const InnerFolder::Place& at) {
    const char* const name = at.name.c_str();
    switch (object.about.kind) {
      case StoreObjectKind::kDirectory:
        return MakeFolder(at);
      case StoreObjectKind::kSymlink:
        return symlinkat(object.target.c_str(), at.folder, name);
      case StoreObjectKind::kHardLink:
        return MakeLink(node_.objects.at(object.about.link).path, at);
      case StoreObjectKind::kFifo:
        return mkfifoat(at.folder, name, 0600);
      case StoreObjectKind::kCharDevice:
      case StoreObjectKind::kBlockDevice:
        return mknodat(at.folder, name, (object.about.kind == StoreObjectKind::kCharDevice ? S_IFCHR : S_IFBLK) | 0600,
                       makedev(object.about.device_major, object.about.device_minor));
      case StoreObjectKind::kFile:
      case StoreObjectKind::kStream:
        break;
    }
    Bug();
  }

  // One that is there will do, unless it is a symbolic link.
  static int MakeFolder(const InnerFolder::Place& at) {
    if (mkdirat(at.folder, at.name.c_str(), 0700) == 0) {
      return 0;
    }
    struct stat status {};
    if (errno == EEXIST && fstatat(at.folder, at.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(status.st_mode)) {
      return 0;
    }
    errno = EEXIST;
    return -1;
  }

  int MakeLink(const std::string& first, const InnerFolder::Place& at) {
    const Descriptor here(fcntl(at.folder, F_DUPFD_CLOEXEC, 0));
    const InnerFolder::Place to = folder_.Find(first);
    return linkat(to.folder, to.name.c_str(), here.get(), at.name.c_str(), 0);
  }

  void MakeFile(const KeptObject& object, const InnerFolder::Place& at) {
    const std::string name = folder_.NameOf(object.path);
    Descriptor fd(openat(at.folder, at.name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid()) {
      FailWithErrno(name);
    }
    // Byte data, which a file of a file system has not, comes behind page data.
    std::shared_ptr<TargetFile> file;
    try {
      file = std::make_shared<TargetFile>(std::move(fd), name, object.about.size + object.about.byte_size);
    } catch (...) {
      unlinkat(at.folder, at.name.c_str(), 0);  // so that the next try finds its place free
      throw;
    }
    for (const StoreExtent& extent : object.extents) {
      // One without a digest may be as large as the file: it is taken in blocks as well.
      for (std::uint64_t done = 0; done < extent.size; done += kMaxStoreBlock) {
        StoreExtent block = extent;
        if (extent.size > kMaxStoreBlock) {
          block.offset += done;
          block.file_offset += done;
          block.size = block.stored_size = std::min(kMaxStoreBlock, extent.size - done);
        }
        workers_.Add([this, file, block, &object] { Write(*file, block, object); });
      }
    }
  }

  void Write(TargetFile& file, const StoreExtent& extent, const KeptObject& object) {
    std::vector<std::byte> buffer;
    const auto bytes = ReadExtent(store_, extent, buffer);
    if (!bytes.ok()) {
      const std::lock_guard lock(mutex_);
      const auto [first, is_new] = lost_.emplace(object.path, extent.offset);
      first->second = std::min(first->second, extent.offset);
      return;
    }
    const std::uint64_t base = extent.data == StoreData::kBytes ? object.about.size : 0;
    file.Write(bytes.value(), base + extent.offset);
    progress_.Add(extent.size);
    const std::lock_guard lock(mutex_);
    out_.bytes += extent.size;
  }

  // The owner first, who takes set-user-id and capabilities away; then what needs the right to write; times last.
  void GiveBack(const KeptObject& object) {
    const InnerFolder::Place at = folder_.Find(object.path);
    const char* const name = at.name.c_str();
    if (fchownat(at.folder, name, object.about.uid, object.about.gid, AT_SYMLINK_NOFOLLOW) != 0) {
      WarnOf(object, Format("owner {}:{}", object.about.uid, object.about.gid));
    }
    const std::string here = Format("/proc/self/fd/{}/{}", at.folder, at.name);
    for (const KeptAttribute& attribute : object.attributes) {
      if (lsetxattr(here.c_str(), attribute.name.c_str(), attribute.value.data(), attribute.value.size(), 0) != 0) {
        WarnOf(object, Printable(attribute.name));
      }
    }
    if (object.about.kind != StoreObjectKind::kSymlink && fchmodat(at.folder, name, object.about.mode, 0) != 0) {
      WarnOf(object, Format("mode {:o}", object.about.mode));
    }
    if (object.about.kind == StoreObjectKind::kStream) {
      return;  // It never had times.
    }
    const struct timespec times[2] = {TimeOf(object.about.accessed), TimeOf(object.about.modified)};
    if (utimensat(at.folder, name, times, AT_SYMLINK_NOFOLLOW) != 0) {
      WarnOf(object, "times");
    }
  }

  void WarnOf(const KeptObject& object, const std::string& what) {
    const std::error_code reason(errno, std::generic_category());
    output_.Warn(Format("{}: {} not given back: {}", Printable(folder_.NameOf(object.path)), what, reason.message()));
    out_.is_complete = false;
  }

  void MarkDamaged(const std::string& path) {
    const InnerFolder::Place at = folder_.Find(path);
    const std::string damaged = at.name + std::string(kDamaged);
    if (renameat2(at.folder, at.name.c_str(), at.folder, damaged.c_str(), RENAME_NOREPLACE) != 0) {
      FailWithErrno(folder_.NameOf(path + std::string(kDamaged)));
    }
  }

  Store& store_;
  const KeptNode& node_;
  InnerFolder folder_;
  Progress& progress_;
  Output& output_;
  std::mutex mutex_;
  Restored out_;
  std::map<std::string, std::uint64_t> lost_;  // the first offset of each
  Workers workers_;
};

void WriteZeros(std::uint64_t count) {
  const std::vector<std::byte> zeros(static_cast<std::size_t>(std::min(count, kMaxStoreBlock)));
  while (count != 0) {
    const std::uint64_t here = std::min<std::uint64_t>(count, zeros.size());
    WriteTo(STDOUT_FILENO, std::span(zeros).first(static_cast<std::size_t>(here)), "standard output");
    count -= here;
  }
}

}  // namespace

Result<std::span<const std::byte>> ReadExtent(Store& store, const StoreExtent& extent, std::vector<std::byte>& buffer) {
  const auto stored =
      store.BytesOf(extent.file)
          .subspan(static_cast<std::size_t>(extent.file_offset), static_cast<std::size_t>(extent.stored_size));
  const Error lost{Errc::kContentsLost, extent.offset};
  if (extent.digest && DigestOf(stored) != *extent.digest) {
    return lost;
  }
  if (extent.encoding == StoreEncoding::kPlain) {
    return stored;
  }
  buffer.resize(static_cast<std::size_t>(extent.size));
  const auto workspace = std::make_unique<ZstdWorkspace>();
  const auto size = DecodeZstd(stored, buffer, *workspace);
  if (!size.ok() || size.value() != extent.size) {
    return lost;
  }
  return std::span<const std::byte>(buffer);
}

Restored RestoreFiles(Store& store, const KeptNode& node, const std::string& folder, Progress& progress,
                      Output& output) {
  return Restorer(store, node, folder, progress, output).Run();
}

Restored RestoreToOutput(Store& store, const KeptNode& node, Progress& progress) {
  if (node.objects.size() != 1 || !HasContents(node.objects.front())) {
    throw Failure(ExitCode::kUsage, Format("{}: holds {}: only a single file or stream goes to standard output: give "
                                           "-C DIR",
                                           node.name, CountText(node.objects.size(), "object")));
  }
  const KeptObject& object = node.objects.front();
  Restored out;
  out.objects = 1;
  std::uint64_t at = 0;
  std::vector<std::byte> buffer;
  for (const StoreExtent& extent : object.extents) {
    const std::uint64_t begin = extent.offset + (extent.data == StoreData::kBytes ? object.about.size : 0);
    WriteZeros(begin - at);
    const auto bytes = ReadExtent(store, extent, buffer);
    if (!bytes.ok()) {
      out.lost.push_back({.path = object.path, .offset = extent.offset});
      return out;  // What follows would stand in the wrong place.
    }
    WriteTo(STDOUT_FILENO, bytes.value(), "standard output");
    progress.Add(extent.size);
    at = begin + extent.size;
    out.bytes += extent.size;
  }
  WriteZeros(object.about.size + object.about.byte_size - at);
  return out;
}

}  // namespace holdfast::tool
