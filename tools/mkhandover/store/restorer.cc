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

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/store/extents.h"
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
  Restorer(const StoreSnapshot& kept, const KeptNode& node, const std::string& folder, Progress& progress,
           Output& output)
      : kept_(kept), node_(node), folder_(folder), progress_(progress), output_(output) {}

  Restored Run() {
    MakeAll();
    // What is in a folder before the folder, whose times it would change.
    for (auto object = node_.objects.rbegin(); object != node_.objects.rend(); ++object) {
      if (object->about.kind != StoreObjectKind::kHardLink) {
        GiveBack(*object);
      }
      if (const Error* const error = LossOf(*object)) {
        out_.lost.push_back({{.path = object->path, .error = *error}, MarkDamaged(object->path)});
      }
    }
    std::reverse(out_.lost.begin(), out_.lost.end());
    out_.objects = node_.objects.size();
    return out_;
  }

 private:
  void MakeAll() {
    try {
      for (const KeptObject& object : node_.objects) {
        Make(object);
      }
      workers_->Finish();
    } catch (...) {
      Unmake();
      throw;
    }
  }

  // Nobody is to take what is incomplete for whole, and the next try finds its places free.  Folders stay.
  void Unmake() {
    workers_.reset();
    for (const KeptObject* const object : made_) {
      Remove(folder_.Find(object->path));
    }
  }

  static void Remove(const InnerFolder::Place& at) { unlinkat(at.folder, at.name.c_str(), 0); }

  void Make(const KeptObject& object) {
    const InnerFolder::Place at = folder_.Find(object.path);
    if (HasContents(object)) {
      return MakeFile(object, at);
    }
    if (MakeOther(object, at) != 0) {
      FailWithErrno(folder_.NameOf(object.path));
    }
    if (object.about.kind != StoreObjectKind::kDirectory) {
      made_.push_back(&object);
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
    made_.push_back(&object);
    // Byte data, which a file of a file system has not, comes behind page data.
    const auto file = std::make_shared<TargetFile>(std::move(fd), name, object.about.size + object.about.byte_size);
    for (const StoreExtent& extent : object.extents) {
      ForEachBlock(kept_, extent, [&](const StoreExtent& block) {
        workers_->Add([this, file, block, &object] { Write(*file, block, object); });
      });
    }
  }

  void Write(TargetFile& file, const StoreExtent& extent, const KeptObject& object) {
    std::vector<std::byte> buffer;
    const auto bytes = ReadExtent(kept_, extent, buffer);
    if (!bytes.ok()) {
      const std::lock_guard lock(mutex_);
      const auto [first, is_new] = lost_.emplace(object.path, bytes.error());
      if (extent.offset < first->second.where) {
        first->second = bytes.error();
      }
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

  // Of a file, under each of its names; nullptr where nothing is lost.
  const Error* LossOf(const KeptObject& object) const {
    const bool is_link = object.about.kind == StoreObjectKind::kHardLink;
    const auto found = lost_.find(is_link ? node_.objects.at(object.about.link).path : object.path);
    return found == lost_.end() ? nullptr : &found->second;
  }

  // What its name ends in now; "" where it could not be renamed and is removed, so that nobody takes it for whole.
  std::string MarkDamaged(const std::string& path) {
    const InnerFolder::Place at = folder_.Find(path);
    for (std::uint64_t number = 1;; ++number) {
      const std::string ending = number == 1 ? std::string(kDamaged) : Format("{}-{}", kDamaged, number);
      const std::string damaged = at.name + ending;
      if (renameat2(at.folder, at.name.c_str(), at.folder, damaged.c_str(), RENAME_NOREPLACE) == 0) {
        return ending;
      }
      if (errno != EEXIST) {
        break;
      }
    }
    const std::error_code reason(errno, std::generic_category());
    output_.Warn(Format("{}: not renamed to end in {}, and removed: {}", Printable(folder_.NameOf(path)), kDamaged,
                        reason.message()));
    Remove(at);
    return {};
  }

  const StoreSnapshot& kept_;
  const KeptNode& node_;
  InnerFolder folder_;
  Progress& progress_;
  Output& output_;
  std::mutex mutex_;
  Restored out_;
  std::map<std::string, Error> lost_;    // the first of each
  std::vector<const KeptObject*> made_;  // but folders
  std::unique_ptr<Workers> workers_ = std::make_unique<Workers>();
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

Restored RestoreFiles(const StoreSnapshot& kept, const KeptNode& node, const std::string& folder, Progress& progress,
                      Output& output) {
  return Restorer(kept, node, folder, progress, output).Run();
}

Restored RestoreToOutput(const StoreSnapshot& kept, const KeptNode& node, Progress& progress) {
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
  const auto write = [&](const StoreExtent& extent) {
    if (!out.lost.empty()) {
      return;  // What follows would stand in the wrong place.
    }
    const std::uint64_t begin = extent.offset + (extent.data == StoreData::kBytes ? object.about.size : 0);
    WriteZeros(begin - at);
    const auto bytes = ReadExtent(kept, extent, buffer);
    if (!bytes.ok()) {
      out.lost.push_back({{.path = object.path, .error = bytes.error()}, {}});
      return;
    }
    WriteTo(STDOUT_FILENO, bytes.value(), "standard output");
    progress.Add(extent.size);
    at = begin + extent.size;
    out.bytes += extent.size;
  };
  for (const StoreExtent& extent : object.extents) {
    ForEachBlock(kept, extent, write);
  }
  if (!out.lost.empty()) {
    return out;
  }
  WriteZeros(object.about.size + object.about.byte_size - at);
  return out;
}

}  // namespace holdfast::tool
