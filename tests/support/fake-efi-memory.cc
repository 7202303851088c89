// SPDX-License-Identifier: BSD-2-Clause
// Firmware's memory: a map with types over memory of this process, which is where the addresses say it is.

#include "tests/support/fake-efi-memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace holdfast::test {
namespace {

constexpr std::uint64_t kBase = 0x1000'0000;
constexpr UINTN kDescriptorSize = 48;  // OVMF's, larger than the descriptor is

PhysRange Range(std::uint64_t start, std::uint64_t size) {
  return PhysRange::FromStartSize(PhysAddr(start), size).value();
}

}  // namespace

FakeEfiMemory::FakeEfiMemory() : range_(Range(kBase, kSize)) {
  void* const at = reinterpret_cast<void*>(kBase);
  if (mmap(at, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
           0) != at) {
    throw std::runtime_error("no memory where firmware's is to be");
  }
  entries_.push_back({.range = range_});
}

FakeEfiMemory::~FakeEfiMemory() { munmap(reinterpret_cast<void*>(kBase), kSize); }

PhysRange FakeEfiMemory::Part(std::uint64_t offset, std::uint64_t size) const {
  const PhysRange part = Range(kBase + offset, size);
  if (!range_.Contains(part)) {
    throw std::out_of_range("part of firmware's memory");
  }
  return part;
}

std::span<std::byte> FakeEfiMemory::Bytes(PhysRange range) const {
  if (!range_.Contains(range)) {
    throw std::out_of_range("bytes of firmware's memory");
  }
  return {reinterpret_cast<std::byte*>(range.start().raw()), range.size()};
}

void FakeEfiMemory::Set(PhysRange range, std::uint32_t type, std::uint64_t attributes) {
  Cut(range);
  Add({.range = range, .type = type, .attributes = attributes});
}

void FakeEfiMemory::SetHole(PhysRange range) { Cut(range); }

void FakeEfiMemory::Cut(PhysRange range) {
  std::vector<Entry> rest;
  for (const Entry& entry : entries_) {
    for (const PhysRange part : {entry.range.UpTo(range.start()), entry.range.From(range.end())}) {
      if (!part.empty() && (part != entry.range || rest.empty() || rest.back().range != part)) {
        rest.push_back({.range = part, .type = entry.type, .attributes = entry.attributes});
      }
    }
  }
  entries_ = rest;
  ++key_;
}

// Joined with neighbours of its kind.
void FakeEfiMemory::Add(const Entry& entry) {
  entries_.push_back(entry);
  std::ranges::sort(entries_, {}, [](const Entry& e) { return e.range.start(); });
  std::vector<Entry> joined;
  for (const Entry& next : entries_) {
    if (!joined.empty() && joined.back().range.end() == next.range.start() && joined.back().type == next.type &&
        joined.back().attributes == next.attributes) {
      joined.back().range = PhysRange::FromStartEnd(joined.back().range.start(), next.range.end()).value();
    } else {
      joined.push_back(next);
    }
  }
  entries_ = joined;
  ++key_;
}

bool FakeEfiMemory::IsFree(PhysRange range) const {
  return std::ranges::any_of(
      entries_, [&](const Entry& e) { return e.type == EfiConventionalMemory && e.range.Contains(range); });
}

EFI_STATUS FakeEfiMemory::Allocate(EFI_ALLOCATE_TYPE how, std::uint32_t type, std::uint64_t pages,
                                   EFI_PHYSICAL_ADDRESS* address) {
  if (type == EfiConventionalMemory || (type >= EfiMaxMemoryType && type < 0x7000'0000)) {
    return EFI_INVALID_PARAMETER;
  }
  if (pages == 0 || pages > kPhysLimit / kPageSize || *address > kPhysLimit) {
    return EFI_NOT_FOUND;
  }
  const std::uint64_t size = pages * kPageSize;
  if (how == AllocateAddress) {
    const auto range = PhysRange::FromStartSize(PhysAddr(*address), size);
    if (!range.ok() || !IsFree(range.value())) {
      return EFI_NOT_FOUND;
    }
    Set(range.value(), type);
    return EFI_SUCCESS;
  }
  // From the top, and only where there is memory.
  const std::uint64_t limit = how == AllocateMaxAddress ? *address + 1 : kPhysLimit;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    const PhysRange room = entry->range.UpTo(PhysAddr(limit)).Intersection(range_);
    if (entry->type == EfiConventionalMemory && room.size() >= size) {
      *address = room.end().raw() - size;
      Set(Range(*address, size), type);
      return EFI_SUCCESS;
    }
  }
  return EFI_OUT_OF_RESOURCES;
}

EFI_STATUS FakeEfiMemory::Free(EFI_PHYSICAL_ADDRESS address, std::uint64_t pages) {
  const auto range = PhysRange::FromStartSize(PhysAddr(address), pages * kPageSize);
  const bool is_taken = range.ok() && std::ranges::any_of(entries_, [&](const Entry& e) {
                          return e.type != EfiConventionalMemory && e.range.Contains(range.value());
                        });
  if (!is_taken) {
    return EFI_NOT_FOUND;
  }
  Set(range.value(), EfiConventionalMemory);
  std::ranges::fill(Bytes(range.value().Intersection(range_)), std::byte{0xaf});
  return EFI_SUCCESS;
}

EFI_STATUS FakeEfiMemory::GetMap(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key, UINTN* descriptor_size,
                                 UINT32* version) const {
  const UINTN needed = entries_.size() * kDescriptorSize;
  *descriptor_size = kDescriptorSize;
  *version = EFI_MEMORY_DESCRIPTOR_VERSION;
  if (*size < needed) {
    *size = needed;
    return EFI_BUFFER_TOO_SMALL;
  }
  *size = needed;
  *key = key_;
  auto* out = reinterpret_cast<std::byte*>(map);
  for (const Entry& entry : entries_) {
    EFI_MEMORY_DESCRIPTOR descriptor{};
    descriptor.Type = entry.type;
    descriptor.PhysicalStart = entry.range.start().raw();
    descriptor.NumberOfPages = entry.range.size() / kPageSize;
    descriptor.Attribute = entry.attributes;
    std::memset(out, 0, kDescriptorSize);
    std::memcpy(out, &descriptor, sizeof(descriptor));
    out += kDescriptorSize;
  }
  return EFI_SUCCESS;
}

}  // namespace holdfast::test
