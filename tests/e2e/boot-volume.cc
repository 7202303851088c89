// SPDX-License-Identifier: BSD-2-Clause
// A volume that firmware boots a guest from.

#include "tests/e2e/boot-volume.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "tests/e2e/initramfs.h"

namespace holdfast::e2e {

BootVolume& BootVolume::Put(const std::string& path, const std::filesystem::path& source) {
  files_[path] = source;
  return *this;
}

BootVolume& BootVolume::Write(const std::string& path, std::string_view text) {
  const std::filesystem::path source = folder_.path() / ("written" + std::to_string(std::hash<std::string>{}(path)));
  std::ofstream(source, std::ios::binary) << text;
  return Put(path, source);
}

BootVolume& BootVolume::Remove(const std::string& path) {
  files_.erase(path);
  return *this;
}

std::filesystem::path BootVolume::Make() const {
  const std::filesystem::path image = folder_.path() / "volume.img";
  std::string command = "tests/e2e/boot-disc.sh esp " + Quoted(image);
  for (const auto& [path, source] : files_) command += " " + Quoted(path) + " " + Quoted(source);
  RunHere(command);
  return image;
}

void Sign(const std::filesystem::path& image) {
  const TempDir folder;
  const std::string key = Quoted(folder.path() / "key");
  const std::string snakeoil = "/usr/share/ovmf/PkKek-1-snakeoil";
  RunHere("openssl rsa -in " + snakeoil + ".key -passin pass:snakeoil -out " + key + " 2>/dev/null");
  RunHere("sbsign --key " + key + " --cert " + snakeoil + ".pem --output " + Quoted(image) + " " + Quoted(image) +
          " >/dev/null 2>&1");
}

void RunHere(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

std::string OutputHere(const std::string& command) {
  const TempDir folder;
  RunHere("{ " + command + "; } > " + Quoted(folder.path() / "output"));
  return ReadFile(folder.path() / "output");
}

std::string Quoted(const std::filesystem::path& path) { return "'" + path.string() + "'"; }

}  // namespace holdfast::e2e
