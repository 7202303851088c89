// SPDX-License-Identifier: BSD-2-Clause
// A volume that firmware boots a guest from.

#include "tests/e2e/boot-volume.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "tests/e2e/initramfs.h"

namespace holdfast::e2e {
namespace {

void SignWith(const std::filesystem::path& key, const std::filesystem::path& certificate,
              const std::filesystem::path& image) {
  RunHere("sbsign --key " + Quoted(key) + " --cert " + Quoted(certificate) + " --output " + Quoted(image) + " " +
          Quoted(image) + " >/dev/null 2>&1");
}

}  // namespace

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

BootVolume& BootVolume::PutAll(const std::filesystem::path& tree) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tree)) {
    if (entry.is_regular_file()) Put("/" + std::filesystem::relative(entry.path(), tree).string(), entry.path());
  }
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
  const std::string snakeoil = "/usr/share/ovmf/PkKek-1-snakeoil";
  RunHere("openssl rsa -in " + snakeoil + ".key -passin pass:snakeoil -out " + Quoted(folder.path() / "key") +
          " 2>/dev/null");
  SignWith(folder.path() / "key", snakeoil + ".pem", image);
}

void SignAsStranger(const std::filesystem::path& image) {
  const TempDir folder;
  RunHere("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=stranger -days 3650 -keyout " +
          Quoted(folder.path() / "key") + " -out " + Quoted(folder.path() / "certificate") + " 2>/dev/null");
  SignWith(folder.path() / "key", folder.path() / "certificate", image);
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
