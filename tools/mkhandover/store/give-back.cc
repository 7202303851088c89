// SPDX-License-Identifier: BSD-2-Clause
// Memory that was kept with the fence `pram` and is kept no more: back to the running kernel.

#include "tools/mkhandover/store/give-back.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/range-lists.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kAlignment = 2 * kMiB;  // of the device, and so what its info block takes

fs::path Nvdimm(const std::string& name) { return "/sys/bus/nd/" + name; }
fs::path Dax(const std::string& name) { return "/sys/bus/dax/" + name; }
fs::path Blocks(const std::string& name) { return "/sys/devices/system/memory/" + name; }

std::string FirstWord(const fs::path& path) {
  std::string out;
  std::ifstream(path) >> out;
  return out;
}

// An attribute takes its value in one write.
void Put(const fs::path& path, const std::string& value) {
  const Descriptor fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid() || write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    FailWithErrno(path.string());
  }
}

std::uint64_t BlockSize() {
  std::uint64_t out = 0;
  std::ifstream(Blocks("block_size_bytes")) >> std::hex >> out;
  return IsPowerOfTwo(out) ? out : 0;
}

// A line of a process's maps that is of /dev/mem: the physical address is the offset (proc(5)).
bool ShowsPartOf(PhysRange range, const std::string& line) {
  std::istringstream words(line);
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;
  char dash = 0;
  std::string modes;
  words >> std::hex >> start >> dash >> end >> modes >> offset;
  const auto mapped = PhysRange::FromStartSize(PhysAddr(offset), end - start);
  return !words || !mapped.ok() || mapped.value().Overlaps(range);
}

// Ends in a Failure if the device is mounted or used in another way, or a process has its memory mapped: this one, too.
void RequireUnused(const PmemDevice& device) {
  const Descriptor alone(open(device.path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
  if (!alone.valid()) {
    FailWithErrno(device.path);
  }
  std::error_code none;
  for (const auto& process : fs::directory_iterator("/proc", none)) {
    const std::string name = process.path().filename().string();
    const bool is_number = std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (is_number && IsMapped(device, process.path() / "maps")) {
      throw Failure(ExitCode::kSystem, Format("{}: process {} has it mapped", device.path, name));
    }
  }
}

// From a namespace of nd_pmem to a device of the bus of DAX; its name there.
std::string MakeDaxDevice(const std::string& name_space) {
  const fs::path region = fs::canonical(Nvdimm("devices/" + name_space)).parent_path();
  const std::string seed = FirstWord(region / "dax_seed");
  const fs::path device = region / seed;
  Put(Nvdimm("drivers/nd_pmem/unbind"), name_space);
  Put(device / "mode", "ram");  // whose page structures are in other memory
  Put(device / "align", Format("{}", kAlignment));
  Put(device / "uuid", FirstWord("/proc/sys/kernel/random/uuid"));
  Put(device / "namespace", name_space);
  Put(Nvdimm("drivers/dax_pmem/bind"), seed);
  for (const auto& child : fs::directory_iterator(device)) {
    const std::string name = child.path().filename().string();
    if (fs::exists(Dax("devices/" + name))) {
      return name;
    }
  }
  throw Failure(ExitCode::kSystem, Format("{}: no device came of it", device.string()));
}

void BindToKmem(const std::string& name) {
  std::error_code none;
  const fs::path driver = fs::canonical(Dax("devices/" + name + "/driver"), none);
  if (!none && driver.filename() == "kmem") {
    return;
  }
  if (!none) {
    Put(driver / "unbind", name);
  }
  Put(Dax("drivers/kmem/new_id"), name);
}

// The blocks are there; whether they are online already is a policy of the system's.
std::uint64_t PutOnline(PhysRange blocks, std::uint64_t block_size) {
  std::uint64_t out = 0;
  for (std::uint64_t at = blocks.start().raw(); at != blocks.end().raw(); at += block_size) {
    const fs::path state = Blocks(Format("memory{}/state", at / block_size));
    if (FirstWord(state) == "offline") {
      Put(state, "online");
    }
    out += FirstWord(state) == "online" ? block_size : 0;
  }
  return out;
}

std::uint64_t GiveBackDevice(const PmemDevice& device, std::uint64_t block_size) {
  for (const fs::path& needed : {Nvdimm("drivers/dax_pmem/bind"), Dax("drivers/kmem/new_id")}) {
    if (!fs::exists(needed)) {
      throw Failure(ExitCode::kSystem, Format("{}: no {}: modprobe dax_pmem kmem", device.path, needed.string()));
    }
  }
  RequireUnused(device);
  BindToKmem(MakeDaxDevice(device.owner));
  return PutOnline(WholeBlocks(device.range, block_size), block_size);
}

}  // namespace

bool IsMapped(const PmemDevice& device, const std::string& maps) {
  std::ifstream in(maps);
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with(" " + device.path) || (line.ends_with(" /dev/mem") && ShowsPartOf(device.range, line))) {
      return true;
    }
  }
  return false;
}

PhysRange WholeBlocks(PhysRange device, std::uint64_t block_size) {
  return device.From(PhysAddr(device.start().raw() + kAlignment)).RoundedIn(block_size);
}

std::vector<PmemDevice> Returnable(const std::vector<PmemDevice>& devices, const std::vector<PhysRange>& free,
                                   std::uint64_t block_size) {
  std::vector<PmemDevice> out;
  for (const PmemDevice& device : devices) {
    if (device.is_whole_namespace() && Minus({device.range}, free).empty() &&
        !WholeBlocks(device.range, block_size).empty()) {
      out.push_back(device);
    }
  }
  return out;
}

GivenBack DropNode(Store& store, std::string_view name) {
  store.Drop(name);
  return store.has_real_memory() ? GiveBack(store.Forgotten()) : GivenBack{};
}

GivenBack GiveBack(const std::vector<PhysRange>& free) {
  GivenBack out;
  const std::uint64_t block_size = BlockSize();
  if (block_size == 0) {
    return out;  // Without memory hotplug.
  }
  for (const PmemDevice& device : Returnable(FindPmemDevices("/"), free, block_size)) {
    try {
      out.bytes += GiveBackDevice(device, block_size);
    } catch (const std::exception& problem) {
      out.problems.push_back(Format("not given back: {}", problem.what()));
    }
  }
  return out;
}

}  // namespace holdfast::tool
