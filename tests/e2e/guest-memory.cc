// SPDX-License-Identifier: BSD-2-Clause
// A guest's physical memory, seen from outside.

#include "tests/e2e/guest-memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace holdfast::e2e {
namespace {

constexpr std::uint64_t kFourGib = std::uint64_t{4} << 30;

// QEMU's q35: guests of 2.75 GiB and more have 2 GiB of it low, smaller ones all, and the rest starts at 4 GiB.
constexpr std::uint64_t kMostLow = 0xb0000000;
constexpr std::uint64_t kLowWhenSplit = 0x80000000;

}  // namespace

GuestMemory::GuestMemory(std::uint64_t size) : file_(memfd_create("guest-ram", MFD_CLOEXEC)), size_(size) {
  if (file_.get() < 0 || ftruncate(file_.get(), static_cast<off_t>(size)) != 0) {
    throw std::system_error(errno, std::generic_category(), "memory for the guest");
  }
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_.get(), 0);
  if (at == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "memory for the guest");
  data_ = static_cast<std::byte*>(at);
}

GuestMemory::~GuestMemory() { munmap(data_, size_); }

std::span<std::byte> GuestMemory::View(std::uint64_t start, std::uint64_t size) const {
  const std::uint64_t low = size_ >= kMostLow ? kLowWhenSplit : size_;
  if (start < low && size <= low - start) return {data_ + start, size};
  if (start >= kFourGib && start - kFourGib < size_ - low && size <= size_ - low - (start - kFourGib)) {
    return {data_ + low + (start - kFourGib), size};
  }
  std::ostringstream text;
  text << std::hex << "not RAM of the guest: 0x" << start << " + 0x" << size;
  throw std::out_of_range(text.str());
}

}  // namespace holdfast::e2e
