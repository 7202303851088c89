// SPDX-License-Identifier: BSD-2-Clause
// The guest's root file system: a cpio archive with a small world in it.
//
// It holds busybox and its applets, an /init that serves commands on the second
// serial line, and what a test puts in beside.  In the guest, `mkinitrd-self
// OUT` packs the running root file system again, so any number of kernels can
// follow one another, each with the same world.

#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::e2e {

// Writes an archive in the "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst).
class CpioWriter {
 public:
  explicit CpioWriter(const std::filesystem::path& file);

  void Folder(std::string_view path);  // if it is not there
  // With the folders above it.
  void File(std::string_view path, std::string_view content, unsigned mode = 0755);
  void Link(std::string_view path, std::string_view target);
  void CharacterDevice(std::string_view path, unsigned major, unsigned minor);

  // Post: the archive is complete, on disk; nothing more may be added.
  void Finish();

 private:
  void Entry(std::string_view path, unsigned mode, std::string_view content, unsigned major, unsigned minor);
  void Pad();

  std::ofstream out_;
  std::set<std::string, std::less<>> folders_;
  std::uint64_t size_ = 0;
  std::uint32_t inode_ = 0;
};

// The whole of a file.
std::string ReadFile(const std::filesystem::path& path);

// All but the test's own files.  `modules` are names of drivers that each kernel finds in /lib/modules/RELEASE.
void AddWorld(CpioWriter& archive, const std::vector<std::string>& modules);

}  // namespace holdfast::e2e
