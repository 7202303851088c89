// SPDX-License-Identifier: BSD-2-Clause
// Ranges of memory that the kernel gives devices of their own, as /sys tells.

#include "tools/mkhandover/store/pmem.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <optional>

namespace holdfast::tool {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBlockDevices = "sys/block";
constexpr const char* kDaxDevices = "sys/bus/dax/devices";

// "0x40000000" or "4096"; none where the kernel does not say it now.
std::optional<std::uint64_t> ReadNumber(const fs::path& path) {
  std::ifstream in(path);
  std::uint64_t out = 0;
  if (!(in >> std::setbase(0) >> out)) {
    return std::nullopt;
  }
  return out;
}

void AddDevice(const fs::path& owner, const std::string& path, std::vector<PmemDevice>& out) {
  const auto start = ReadNumber(owner / "resource");
  const auto size = ReadNumber(owner / "size");
  const auto range =
      start && size ? PhysRange::FromStartSize(PhysAddr(*start), *size) : Result<PhysRange>(Error{Errc::kNotFound, 0});
  if (range.ok() && !range.value().empty()) {
    out.push_back({.range = range.value(), .path = path, .owner = owner.filename().string()});
  }
}

}  // namespace

std::vector<PmemDevice> FindPmemDevices(const std::string& root) {
  std::vector<PmemDevice> out;
  std::error_code none;
  for (const auto& device : fs::directory_iterator(fs::path(root) / kBlockDevices, none)) {
    const std::string name = device.path().filename().string();
    const fs::path owner = fs::canonical(device.path() / "device", none);
    if (name.starts_with("pmem") && !none) {
      AddDevice(owner, "/dev/" + name, out);
    }
  }
  for (const auto& device : fs::directory_iterator(fs::path(root) / kDaxDevices, none)) {
    // One that kmem has is memory of the system.
    const fs::path driver = fs::canonical(device.path() / "driver", none);
    if (!none && driver.filename() == "device_dax") {
      AddDevice(device.path(), "/dev/" + device.path().filename().string(), out);
    }
  }
  std::sort(out.begin(), out.end(),
            [](const PmemDevice& a, const PmemDevice& b) { return a.range.start() < b.range.start(); });
  return out;
}

}  // namespace holdfast::tool
