// SPDX-License-Identifier: BSD-2-Clause
// Kept memory after the kexec.

#include "tools/mkhandover/store/physical.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "common/format/store.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/map-text.h"
#include "tools/mkhandover/store/pmem.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kDevMem = "/dev/mem";
constexpr std::uint64_t kHugePage = 2 * kMiB;

[[noreturn]] void FailToMap(const std::string& name, PhysRange range, int reason, const std::string& advice) {
  const std::string why = std::error_code(reason, std::generic_category()).message();
  throw Failure(ExitCode::kSystem, Format("{} {}: {}{}", name, RangeText(range), why, advice));
}

// Root, too, is refused by lockdown, whatever the range.
std::string AdviceWithoutDevMem(int reason) {
  if (reason == EPERM) {
    return ": lockdown shuts /dev/mem: load nd_e820 and nd_pmem for what was kept with --fence pram, restore the rest "
           "under a kernel that is not locked down";
  }
  return reason == EACCES ? ": run this as root" : "";
}

}  // namespace

MappedRuns::~MappedRuns() { munmap(base_, space_); }

std::unique_ptr<MappedRuns> MapFile(const std::string& path, std::uint64_t size) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!fd.valid() || fstat(fd.get(), &status) != 0) {
    FailWithErrno(path);
  }
  if (static_cast<std::uint64_t>(status.st_size) < size) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: {} of the {} that are kept are gone", path,
                         SizeText(size - static_cast<std::uint64_t>(status.st_size)), SizeText(size)));
  }
  void* const at = mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_SHARED, fd.get(), 0);
  if (at == MAP_FAILED) {
    FailWithErrno(Format("{}: mmap", path));
  }
  auto out = std::make_unique<MappedRuns>(static_cast<std::byte*>(at), static_cast<std::size_t>(size));
  out->bytes_ = {static_cast<const std::byte*>(at), static_cast<std::size_t>(size)};
  return out;
}

PhysicalMemory::PhysicalMemory() {
  AddPmem();
  files_.emplace_back(open(kDevMem, O_RDONLY | O_CLOEXEC));  // without O_SYNC, which would make it uncached
  if (files_.back().valid()) {
    parts_.push_back({.range = PhysRange::All(), .file = files_.size() - 1, .offset = 0, .name = kDevMem});
  } else {
    without_dev_mem_ = errno;
  }
}

void PhysicalMemory::AddPmem() {
  for (const PmemDevice& device : FindPmemDevices("/")) {
    Descriptor fd(open(device.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.valid()) {
      files_.push_back(std::move(fd));
      parts_.push_back({.range = device.range, .file = files_.size() - 1, .offset = 0, .name = device.path});
    }
  }
}

PhysicalMemory::PhysicalMemory(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto start = ParseHex(entry.path().stem().string());
    const auto range = start && entry.is_regular_file() ? PhysRange::FromStartSize(PhysAddr(*start), entry.file_size())
                                                        : Result<PhysRange>(Error{Errc::kNotFound, 0});
    if (!range.ok()) {
      throw Failure(ExitCode::kBadInput,
                    Format("{}: no file of memory, which is named by its address", entry.path().string()));
    }
    files_.emplace_back(open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    if (!files_.back().valid()) {
      FailWithErrno(entry.path().string());
    }
    parts_.push_back({.range = range.value(), .file = files_.size() - 1, .offset = 0, .name = entry.path().string()});
  }
  // One that begins within another is before it, as a device is before /dev/mem.
  std::sort(parts_.begin(), parts_.end(),
            [](const PhysicalPart& a, const PhysicalPart& b) { return a.range.start() > b.range.start(); });
}

// To its end, or to where another one begins, which may be asked before it.
PhysRange PhysicalMemory::WhatComesFrom(const PhysicalPart& part, PhysRange run) const {
  PhysRange out = run.UpTo(part.range.end());
  for (const PhysicalPart& other : parts_) {
    if (other.range.start() > run.start()) {
      out = out.UpTo(other.range.start());
    }
  }
  return out;
}

std::unique_ptr<MappedRuns> PhysicalMemory::Map(std::span<const PhysRange> runs) const {
  std::uint64_t size = 0;
  for (const PhysRange& run : runs) {
    size += run.size();
  }
  const std::size_t space = static_cast<std::size_t>(size + kHugePage);
  void* const base = mmap(nullptr, space, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    FailWithErrno(Format("address space of {}", SizeText(space)));
  }
  auto out = std::make_unique<MappedRuns>(static_cast<std::byte*>(base), space);
  const auto address = reinterpret_cast<std::uintptr_t>(base);
  std::byte* const data = static_cast<std::byte*>(base) + (AlignUp(address, kHugePage) - address);
  std::byte* at = data;
  for (PhysRange rest : runs) {
    if (IsLostRun(rest)) {
      at += rest.size();  // The address space stays, and may not be touched.
      continue;
    }
    while (!rest.empty()) {
      const auto part = std::find_if(parts_.begin(), parts_.end(),
                                     [&](const PhysicalPart& each) { return each.range.Contains(rest.start()); });
      if (part == parts_.end()) {
        if (without_dev_mem_ != 0) {
          FailToMap(kDevMem, rest, without_dev_mem_, AdviceWithoutDevMem(without_dev_mem_));
        }
        throw Failure({Errc::kUnreadable, rest.start().raw()},
                      Format("{}: {}: nothing gives that memory", ErrcName(Errc::kUnreadable), RangeText(rest)));
      }
      const PhysRange here = WhatComesFrom(*part, rest);
      const std::uint64_t offset = part->offset + (here.start().raw() - part->range.start().raw());
      if (mmap(at, static_cast<std::size_t>(here.size()), PROT_READ, MAP_SHARED | MAP_FIXED, files_[part->file].get(),
               static_cast<off_t>(offset)) == MAP_FAILED) {
        FailToMap(part->name, here, errno,
                  errno == EPERM && part->name == kDevMem ? ": a driver has it and gives no /dev/pmem for it" : "");
      }
      at += here.size();
      rest = rest.From(here.end());
    }
  }
  out->bytes_ = {data, static_cast<std::size_t>(size)};
  return out;
}

}  // namespace holdfast::tool
