// SPDX-License-Identifier: BSD-2-Clause
// The guest's root file system: a cpio archive with a small world in it.

#include "tests/e2e/initramfs.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "tests/e2e/environment.h"

namespace holdfast::e2e {
namespace {

constexpr unsigned kFolder = 0040000;
constexpr unsigned kRegular = 0100000;
constexpr unsigned kSymbolicLink = 0120000;
constexpr unsigned kCharacter = 0020000;

// Says that it is up through the kernel's log, so that no kernel message can
// come in between, and serves the second serial line for as long as the kernel
// runs, whatever is killed.
constexpr std::string_view kInit = R"sh(#!/bin/sh
export PATH=/bin:/sbin HOME=/ TERM=dumb
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/hugepages
mount -t hugetlbfs hugetlbfs /dev/hugepages
mount -t tmpfs -o size=90% tmpfs /tmp
mount -t tmpfs tmpfs /run
# Fails where the command line has settled it.
echo on 2>/dev/null > /proc/sys/kernel/printk_devkmsg
ifconfig lo 127.0.0.1 2>/dev/null
if [ -d /sys/firmware/efi/efivars ]; then
  insmod "/lib/modules/$(uname -r)/efivarfs.ko" 2>/dev/null
  mount -t efivarfs efivarfs /sys/firmware/efi/efivars
fi
read -r command_line < /proc/cmdline
echo "<5>init: up $(uname -r) ${command_line:0:800}" > /dev/kmsg
while :; do
  setsid /sbin/serve </dev/ttyS1 >/dev/ttyS1 2>/dev/console
  sleep 0.2
done
)sh";

// The guest's half of the command channel; guest.cc has the other.
//   to the guest    ID BASE64\n
//   from the guest  \2ID\n output \n\3ID\n error output \n\1ID STATUS\n
// and once at the start \4BOOT-ID KERNEL-RELEASE\n.
constexpr std::string_view kServe = R"sh(#!/bin/sh
stty raw -echo 115200
read -r boot_id < /proc/sys/kernel/random/boot_id
printf '\n\004%s %s\n' "$boot_id" "$(uname -r)"
cd /
while read -r id text; do
  printf '\002%s\n' "$id"
  echo "$text" | base64 -d > /run/command
  sh /run/command </dev/null 2>/run/errors
  status=$?
  printf '\n\003%s\n' "$id"
  cat /run/errors
  printf '\n\001%s %s\n' "$id" "$status"
done
)sh";

// Without -depth, so that a folder comes before what is in it.
constexpr std::string_view kMakeInitrd = R"sh(#!/bin/sh
# mkinitrd-self OUT: packs this root file system, mounts left out, as the next kernel's.
set -e
cd /
find . -xdev | cpio -o -H newc > "$1" 2>/run/cpio-errors || { cat /run/cpio-errors >&2; exit 1; }
)sh";

std::vector<std::string> Applets(const std::filesystem::path& busybox) {
  const std::string command = "'" + busybox.string() + "' --list";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  if (!pipe) throw std::runtime_error("cannot run " + command);
  std::vector<std::string> applets;
  std::array<char, 128> line;
  while (std::fgets(line.data(), line.size(), pipe.get()) != nullptr) {
    std::string name = line.data();
    while (!name.empty() && name.back() == '\n') name.pop_back();
    if (!name.empty() && name != "busybox") applets.push_back(name);
  }
  if (applets.empty()) throw std::runtime_error(busybox.string() + " lists no applets");
  return applets;
}

// Drivers that a Debian kernel does not have inside: the one that reaches EFI's variables, and what a test asks for.
void AddModules(CpioWriter& archive, std::vector<std::string> modules) {
  modules.insert(modules.begin(), "efivarfs");
  archive.Folder("lib");
  archive.Folder("lib/modules");
  for (const char* kernel : {"6.1", "6.12", "new"}) {
    const std::filesystem::path folder = KernelImage(kernel).parent_path();
    if (!std::filesystem::exists(folder / "modules")) continue;
    std::string release = ReadFile(folder / "version");
    while (release.ends_with('\n')) release.pop_back();
    archive.Folder("lib/modules/" + release);
    for (const std::string& module : modules) {
      archive.File("lib/modules/" + release + "/" + module + ".ko", ReadFile(folder / "modules" / (module + ".ko")));
    }
  }
}

}  // namespace

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream content;
  content << in.rdbuf();
  return std::move(content).str();
}

CpioWriter::CpioWriter(const std::filesystem::path& file) : out_(file, std::ios::binary) {
  if (!out_) throw std::runtime_error("cannot write " + file.string());
}

void CpioWriter::Pad() {
  static constexpr std::array<char, 4> kZeros = {};
  const std::uint64_t missing = (4 - size_ % 4) % 4;
  out_.write(kZeros.data(), static_cast<std::streamsize>(missing));
  size_ += missing;
}

void CpioWriter::Entry(std::string_view path, unsigned mode, std::string_view content, unsigned major, unsigned minor) {
  while (path.starts_with('/')) path.remove_prefix(1);
  std::array<char, 111> header;
  std::snprintf(header.data(), header.size(), "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", ++inode_,
                mode, /*uid=*/0U, /*gid=*/0U, /*nlink=*/1U, /*mtime=*/0U, content.size(), 0U, 0U, major, minor,
                path.size() + 1, /*checksum=*/0U);
  out_.write(header.data(), 110).write(path.data(), static_cast<std::streamsize>(path.size())).put('\0');
  size_ += 110 + path.size() + 1;
  Pad();
  out_.write(content.data(), static_cast<std::streamsize>(content.size()));
  size_ += content.size();
  Pad();
}

void CpioWriter::Folder(std::string_view path) {
  if (folders_.emplace(path).second) {
    Entry(path, kFolder | 0755, {}, 0, 0);
  }
}

void CpioWriter::File(std::string_view path, std::string_view content, unsigned mode) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  for (std::size_t end = 0; (end = path.find('/', end + 1)) != std::string_view::npos;) {
    Folder(path.substr(0, end));
  }
  Entry(path, kRegular | mode, content, 0, 0);
}

void CpioWriter::Link(std::string_view path, std::string_view target) {
  Entry(path, kSymbolicLink | 0777, target, 0, 0);
}

void CpioWriter::CharacterDevice(std::string_view path, unsigned major, unsigned minor) {
  Entry(path, kCharacter | 0600, {}, major, minor);
}

void CpioWriter::Finish() {
  Entry("TRAILER!!!", 0, {}, 0, 0);
  out_.close();
  if (!out_) throw std::runtime_error("cannot write the initramfs: is the disk full?");
}

void AddWorld(CpioWriter& archive, const std::vector<std::string>& modules) {
  for (const char* folder : {"bin", "sbin", "dev", "proc", "sys", "run", "tmp", "kernels"}) archive.Folder(folder);
  archive.CharacterDevice("dev/console", 5, 1);
  archive.CharacterDevice("dev/null", 1, 3);

  const std::filesystem::path busybox = EnvironmentOr("BUSYBOX", "/bin/busybox");
  archive.File("bin/busybox", ReadFile(busybox));
  for (const std::string& applet : Applets(busybox)) archive.Link("bin/" + applet, "busybox");
  archive.File("init", kInit);
  archive.File("sbin/serve", kServe);
  archive.File("sbin/mkinitrd-self", kMakeInitrd);
  AddModules(archive, modules);
}

}  // namespace holdfast::e2e
