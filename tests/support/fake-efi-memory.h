// SPDX-License-Identifier: BSD-2-Clause
// Firmware's memory: a map with types over memory of this process, which is where the addresses say it is.
//
// It answers as OVMF does: nothing but free memory can be allocated, a map is made of entries of one type each; and a
// DEBUG build of it overwrites what is freed.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/mem/phys-range.h"
#include "efi-stub/efi.h"

namespace holdfast::test {

class FakeEfiMemory {
 public:
  struct Entry {
    PhysRange range;
    std::uint32_t type = EfiConventionalMemory;
    std::uint64_t attributes = EFI_MEMORY_WB;

    bool operator==(const Entry&) const = default;
  };

  static constexpr std::uint64_t kSize = 64 * kMiB;

  // All of it free: kSize bytes, below 4 GiB and above 16 MiB.
  FakeEfiMemory();
  ~FakeEfiMemory();
  FakeEfiMemory(const FakeEfiMemory&) = delete;
  FakeEfiMemory& operator=(const FakeEfiMemory&) = delete;

  // Where there is memory behind the map.
  PhysRange range() const { return range_; }
  PhysRange Part(std::uint64_t offset, std::uint64_t size) const;
  std::span<std::byte> Bytes(PhysRange range) const;

  // What firmware owns, or has free: elsewhere too, where nothing is behind it.
  void Set(PhysRange range, std::uint32_t type, std::uint64_t attributes = EFI_MEMORY_WB);
  void SetHole(PhysRange range);
  const std::vector<Entry>& entries() const { return entries_; }
  std::uint64_t key() const { return key_; }
  void Touch() { ++key_; }

  // The services.
  EFI_STATUS Allocate(EFI_ALLOCATE_TYPE how, std::uint32_t type, std::uint64_t pages, EFI_PHYSICAL_ADDRESS* address);
  EFI_STATUS Free(EFI_PHYSICAL_ADDRESS address, std::uint64_t pages);
  EFI_STATUS GetMap(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key, UINTN* descriptor_size, UINT32* version) const;

 private:
  void Cut(PhysRange range);
  void Add(const Entry& entry);
  bool IsFree(PhysRange range) const;

  PhysRange range_;
  std::vector<Entry> entries_;  // ascending
  std::uint64_t key_ = 1;
};

}  // namespace holdfast::test
