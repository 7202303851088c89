// SPDX-License-Identifier: BSD-2-Clause
// A volume that firmware boots a guest from.

#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "tests/e2e/environment.h"

namespace holdfast::e2e {

// Where firmware looks on a volume that it knows nothing of, and where our application looks on its own.
inline constexpr const char* kRemovablePath = "/EFI/BOOT/BOOTX64.EFI";
inline constexpr const char* kEspKernel = "/EFI/holdfast/linux";
inline constexpr const char* kEspInitrd = "/EFI/holdfast/initrd";
inline constexpr const char* kEspCommandLine = "/EFI/holdfast/cmdline";
inline constexpr const char* kEspHandover = "/EFI/holdfast/handover.dtb";
inline constexpr const char* kEspBundle = "/EFI/holdfast/bundle";

// Must outlive the guests that have it.  Each change is on the disk once Make has been called again, which no guest
// may see while it reads.
class BootVolume {
 public:
  BootVolume& Put(const std::string& path, const std::filesystem::path& source);  // read by Make
  BootVolume& Write(const std::string& path, std::string_view text);
  BootVolume& Remove(const std::string& path);
  BootVolume& PutAll(const std::filesystem::path& tree);  // every file below it
  std::filesystem::path Make() const;                     // the image, of a whole disk

  const std::filesystem::path& folder() const { return folder_.path(); }  // for whoever makes files for it

 private:
  TempDir folder_;
  std::map<std::string, std::filesystem::path> files_;
};

// In place: signed with the key that Debian's OVMF comes with for tests, and with one that nobody knows.
void Sign(const std::filesystem::path& image);
void SignAsStranger(const std::filesystem::path& image);

// Runs a command here; throws if it fails.
void RunHere(const std::string& command);
std::string OutputHere(const std::string& command);
std::string Quoted(const std::filesystem::path& path);

}  // namespace holdfast::e2e
