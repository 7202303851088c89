// SPDX-License-Identifier: BSD-2-Clause
// Captured physical memory, or that of this machine, read as it is asked for.

#include "tools/mkhandover/capture.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <optional>

#include "common/abi/elf.h"
#include "common/format/elf-core.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/map-text.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// The kernel's view of its RAM, and of memory that is fenced from it.
constexpr std::array kLiveMemory = {"/proc/kcore", "/dev/mem"};

// No description has a larger block in one piece; whoever asks for more follows a wild number.
constexpr std::uint64_t kMaxView = std::uint64_t{1} << 30;

// All of `bytes` from `offset` on, or false.
bool ReadAll(int fd, std::uint64_t offset, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return true;
}

Descriptor OpenToRead(const std::string& path) {
  Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    FailWithErrno(path);
  }
  return fd;
}

struct stat StatusOf(int fd, const std::string& path) {
  struct stat status {};
  if (fstat(fd, &status) != 0) {
    FailWithErrno(path);
  }
  return status;
}

// How many bytes a file has; what lies below /proc does not always say.
std::uint64_t SizeOf(int fd, const std::string& path) {
  struct statfs system {};
  if (fstatfs(fd, &system) == 0 && system.f_type == PROC_SUPER_MAGIC) {
    return std::numeric_limits<std::int64_t>::max();
  }
  return static_cast<std::uint64_t>(StatusOf(fd, path).st_size);
}

// "0x100000.bin"
std::optional<std::uint64_t> AddressIn(const std::string& name) {
  return name.starts_with("0x") ? ParseHex(name.substr(0, name.find('.'))) : std::nullopt;
}

bool Ascends(const CapturedPiece& a, const CapturedPiece& b) { return a.range.start() < b.range.start(); }

}  // namespace

Capture::Capture(const std::string& path) : Capture(std::vector{path}) {}

Capture::Capture(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    Add(path);
  }
}

void Capture::Add(const std::string& path) {
  if (std::filesystem::is_directory(path)) {
    AddDirectory(path);
    return;
  }
  Descriptor fd = OpenToRead(path);
  const struct stat status = StatusOf(fd.get(), path);
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
    AddPiece(PhysRange::All(), AddFile(std::move(fd)), 0);
  } else {
    AddCore(path, std::move(fd));
  }
}

std::size_t Capture::AddFile(Descriptor fd) {
  files_.push_back(std::move(fd));
  return files_.size() - 1;
}

void Capture::AddPiece(PhysRange range, std::size_t file, std::uint64_t offset) {
  pieces_.push_back({.range = range, .file = file, .offset = offset});
}

void Capture::AddDirectory(const std::string& path) {
  std::vector<CapturedPiece> found;
  for (const auto& child : std::filesystem::directory_iterator(path)) {
    const auto address = AddressIn(child.path().filename().string());
    if (!address) {
      continue;
    }
    const std::string name = child.path().string();
    Descriptor fd = OpenToRead(name);
    const auto range = PhysRange::FromStartSize(PhysAddr(*address), SizeOf(fd.get(), name));
    if (!range.ok()) {
      FailToDecode(name, range.error());
    }
    found.push_back({.range = range.value(), .file = AddFile(std::move(fd))});
  }
  if (found.empty()) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: no captured memory: its files are to be named by their address, as 0x100000.bin", path));
  }
  std::sort(found.begin(), found.end(), Ascends);
  for (std::size_t i = 1; i < found.size(); ++i) {
    if (found[i - 1].range.Overlaps(found[i].range)) {
      throw Failure(ExitCode::kBadInput, Format("{}: two files hold what is at {}: leave one of them away", path,
                                                Hex(found[i].range.start().raw())));
    }
  }
  pieces_.insert(pieces_.end(), found.begin(), found.end());
}

void Capture::AddCore(const std::string& path, Descriptor fd) {
  std::vector<std::byte> head(sizeof(Elf64Header));
  if (!ReadAll(fd.get(), 0, head)) {
    throw Failure(ExitCode::kBadInput, Format("{}: no captured memory: neither an ELF core, nor a directory, nor a "
                                              "device",
                                              path));
  }
  const auto size = ElfCoreHeadSize(head);
  if (!size.ok()) {
    FailToDecode(Format("{}: read as an ELF core", path), size.error());
  }
  const std::uint64_t file_size = SizeOf(fd.get(), path);
  if (size.value() > file_size || size.value() > kMaxView) {
    FailToDecode(path, {Errc::kTruncated, file_size});
  }
  head.resize(static_cast<std::size_t>(size.value()));
  if (!ReadAll(fd.get(), 0, head)) {
    FailToDecode(path, {Errc::kTruncated, file_size});
  }
  std::vector<CoreSegment> storage(kMaxCoreSegments);
  BoundedVector<CoreSegment> segments{std::span(storage)};
  FailUnless(DecodeElfCore(head, file_size, segments), path);
  const std::size_t file = AddFile(std::move(fd));
  for (const CoreSegment& segment : segments) {
    AddPiece(segment.range, file, segment.offset);
  }
}

const std::byte* Capture::Read(const void* self, PhysRange range) {
  return static_cast<const Capture*>(self)->Find(range);
}

// A page at a time where that is enough, so that what lies side by side is read once.
const std::byte* Capture::Find(PhysRange range) const {
  if (range.size() > kMaxView) {
    return nullptr;
  }
  const std::byte* bytes = Load(range.RoundedOut(kPageSize));
  if (bytes != nullptr) {
    return bytes + range.start().raw() % kPageSize;
  }
  return Load(range);
}

// Bytes keep their place within a page, so that what was aligned in memory is aligned here.
const std::byte* Capture::Load(PhysRange range) const {
  const auto [known, is_new] = buffers_.try_emplace({range.start().raw(), range.size()});
  const std::uint64_t lead = range.start().raw() % kPageSize;
  if (is_new) {
    auto bytes = std::make_unique<std::byte[]>(static_cast<std::size_t>(lead + range.size()));
    if (!ReadInto(range, std::span(bytes.get() + lead, static_cast<std::size_t>(range.size())))) {
      buffers_.erase(known);
      return nullptr;
    }
    known->second = std::move(bytes);
  }
  return known->second.get() + lead;
}

bool Capture::ReadInto(PhysRange range, std::span<std::byte> to) const {
  while (!range.empty()) {
    const PhysRange part = ReadPart(range, to);
    if (part.empty()) {
      return false;
    }
    range = range.From(part.end());
    to = to.subspan(static_cast<std::size_t>(part.size()));
  }
  return true;
}

// What the first piece that has it gives of the start of `range`; empty when there is none.
PhysRange Capture::ReadPart(PhysRange range, std::span<std::byte> to) const {
  for (const CapturedPiece& piece : pieces_) {
    if (!piece.range.Contains(range.start())) {
      continue;
    }
    const PhysRange part = range.Intersection(piece.range);
    const std::uint64_t offset = piece.offset + (part.start().raw() - piece.range.start().raw());
    if (ReadAll(files_[piece.file].get(), offset, to.first(static_cast<std::size_t>(part.size())))) {
      return part;
    }
  }
  return {};
}

std::vector<std::string> LiveMemory() {
  std::vector<std::string> out;
  for (const char* path : kLiveMemory) {
    if (access(path, R_OK) == 0) {
      out.emplace_back(path);
    }
  }
  if (out.empty()) {
    throw Failure(ExitCode::kSystem, Format("{}: this machine's memory cannot be read: run this as root, or add "
                                            "--memory CAPTURE",
                                            kLiveMemory[0]));
  }
  return out;
}

}  // namespace holdfast::tool
