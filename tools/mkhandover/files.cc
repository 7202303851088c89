// SPDX-License-Identifier: BSD-2-Clause
// Files, whole.

#include "tools/mkhandover/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// A new file under a name of its own, gone again unless it was kept.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& path)
      : path_(Format("{}.{}.new", path, getpid())),
        fd_(open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {
    if (!fd_.valid()) {
      FailWithErrno(path_);
    }
  }
  ~TemporaryFile() {
    if (!path_.empty()) {
      unlink(path_.c_str());
    }
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int fd() const { return fd_.get(); }

  void KeepAs(const std::string& path) {
    if (fsync(fd_.get()) != 0 || !fd_.Close() || rename(path_.c_str(), path.c_str()) != 0) {
      FailWithErrno(path);
    }
    path_.clear();
  }

 private:
  std::string path_;
  Descriptor fd_;
};

bool IsOrdinaryOrNew(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode);
}

}  // namespace

Descriptor::~Descriptor() { Close(); }

int Descriptor::Release() { return std::exchange(fd_, -1); }

bool Descriptor::Close() {
  const int fd = Release();
  return fd < 0 || close(fd) == 0;
}

std::vector<std::byte> ReadFile(const std::string& path, std::size_t limit) {
  const std::string name = FileName(path);
  const Descriptor fd(path == "-" ? dup(STDIN_FILENO) : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    FailWithErrno(name);
  }
  std::vector<std::byte> bytes;
  struct stat status {};
  if (fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
    // Room for the end, so that a file of its stated size is read without growing.
    bytes.reserve(std::min(limit, static_cast<std::size_t>(status.st_size)) + 4096);
  }
  for (std::size_t used = 0;;) {
    bytes.resize(used + std::max<std::size_t>(std::size_t{64} << 10, bytes.capacity() - used));
    const ssize_t n = read(fd.get(), bytes.data() + used, bytes.size() - used);
    if (n < 0) {
      if (errno == EINTR) continue;
      FailWithErrno(name);
    }
    used += static_cast<std::size_t>(n);
    if (used > limit) {
      throw Failure(ExitCode::kBadInput, Format("{}: larger than {}: is it the right file?", name, SizeText(limit)));
    }
    if (n == 0) {
      bytes.resize(used);
      return bytes;
    }
  }
}

std::vector<std::byte> ReadNonEmpty(const std::string& path, std::string_view option) {
  std::vector<std::byte> bytes = ReadFile(path);
  if (bytes.empty()) {
    throw Failure(ExitCode::kBadInput, Format("{}: empty: leave {} away", FileName(path), option));
  }
  return bytes;
}

std::string ReadTextFile(const std::string& path) { return std::string(AsText(ReadFile(path))); }

void WriteTo(int fd, std::span<const std::byte> bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      FailWithErrno(name);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void WriteFile(const std::string& path, std::span<const std::byte> bytes) {
  if (path == "-") {
    WriteTo(STDOUT_FILENO, bytes, "standard output");
    return;
  }
  if (!IsOrdinaryOrNew(path)) {
    Descriptor fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd.valid()) {
      FailWithErrno(path);
    }
    WriteTo(fd.get(), bytes, path);
    if (!fd.Close()) {
      FailWithErrno(path);
    }
    return;
  }
  TemporaryFile file(path);
  WriteTo(file.fd(), bytes, path);
  file.KeepAs(path);
}

std::string InstalledFile(std::string_view name) {
  std::error_code none;
  const std::filesystem::path beside = std::filesystem::read_symlink("/proc/self/exe", none).parent_path() / name;
  return std::filesystem::exists(beside, none) ? beside.string() : Format("/usr/lib/holdfast/{}", name);
}

std::string FileName(const std::string& path) { return path == "-" ? "standard input" : path; }

bool IsText(std::span<const std::byte> bytes) {
  return std::none_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

std::string_view AsText(std::span<const std::byte> bytes) {
  // char may look at any object's bytes.
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> AsBytes(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace holdfast::tool
