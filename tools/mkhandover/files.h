// SPDX-License-Identifier: BSD-2-Clause
// Files, whole.

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::tool {

// A file descriptor with an owner.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) : fd_(other.Release()) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&& other) {
    if (this != &other) {
      Close();
      fd_ = other.Release();
    }
    return *this;
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // Gives the descriptor away.
  int Release();
  // Closes, and says whether all that was written arrived.
  bool Close();

 private:
  int fd_;
};

// Kernel and initrd are the largest things that are read.
inline constexpr std::size_t kMaxFileSize = std::size_t{4} << 30;

// The whole file, or standard input for "-".  Reads on where sysfs gives a page at a time.
std::vector<std::byte> ReadFile(const std::string& path, std::size_t limit = kMaxFileSize);
// A file that an option names; ends in a Failure where there is nothing in it.
std::vector<std::byte> ReadNonEmpty(const std::string& path, std::string_view option);
std::string ReadTextFile(const std::string& path);

// Writes beside `path` and renames, so that a reader finds the old file or the new one, never a part.
// What is no ordinary file (a pipe, /dev/stdout; "-" is standard output) is written in place.
void WriteFile(const std::string& path, std::span<const std::byte> bytes);

// The file of a program of ours: beside this one, else in /usr/lib/holdfast.
std::string InstalledFile(std::string_view name);

// Writes all of it; `name` is for messages.
void WriteTo(int fd, std::span<const std::byte> bytes, const std::string& name);

// Messages name it so: "standard input" for "-".
std::string FileName(const std::string& path);

// No byte is NUL.
bool IsText(std::span<const std::byte> bytes);
std::string_view AsText(std::span<const std::byte> bytes);
std::span<const std::byte> AsBytes(std::string_view text);

}  // namespace holdfast::tool
