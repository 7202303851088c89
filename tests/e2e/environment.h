// SPDX-License-Identifier: BSD-2-Clause
// Where the harness finds what it runs, and how patient it is.
//
// Every path below has a default relative to the root of the repository, which
// is where the tests are started; the environment can move each of them:
//   HOLDFAST_BUILD              the build folder                            build
//   HOLDFAST_E2E_LOGS           where each guest leaves its logs            none kept
//   HOLDFAST_E2E_TIMEOUT_SCALE  factor on every time limit                  1
//   ACCEL                       QEMU's accelerator                          tcg
//   QEMU, BUSYBOX               the programs                                qemu-system-x86_64, /bin/busybox
//   OVMF                        folder of OVMF_CODE_4M.fd and its variables /usr/share/OVMF

#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

namespace holdfast::e2e {

using Milliseconds = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

std::string EnvironmentOr(const char* name, std::string_view fallback);

// A time limit as this machine needs it.
Milliseconds Scaled(Milliseconds limit);

std::filesystem::path BuildDir();
std::filesystem::path KernelImage(std::string_view name);  // kernels/NAME/vmlinuz
std::filesystem::path Kexec(std::string_view suite);       // of that Debian suite, with our purgatory in it
std::filesystem::path StockKexec(std::string_view suite);
std::filesystem::path Stage();                                                     // the image without a bundle
std::filesystem::path StageWith(std::string_view kernel, std::string_view entry);  // with that kernel inside
std::filesystem::path EfiApplication();
std::filesystem::path Mkhandover();  // the static one
std::filesystem::path GuestProgram(std::string_view name);

// Folder with a random name, gone with its owner.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace holdfast::e2e
