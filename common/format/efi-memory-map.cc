// SPDX-License-Identifier: BSD-2-Clause
// The EFI memory map as stored bytes.

#include "common/format/efi-memory-map.h"

#include "common/abi/efi-memory.h"
#include "common/base/byte-reader.h"

namespace holdfast {
namespace {

using EfiType = EfiMemoryType;

MemType MemTypeOf(const EfiMemoryDescriptor& descriptor) {
  switch (static_cast<EfiType>(descriptor.type.value())) {
    case EfiType::kLoaderCode:
    case EfiType::kLoaderData:
    case EfiType::kBootServicesCode:
    case EfiType::kBootServicesData:
    case EfiType::kConventional:
      return (descriptor.attribute.value() & kEfiSpecificPurpose) != 0 ? MemType::kSoftReserved : MemType::kUsable;
    case EfiType::kUnusable:
      return MemType::kUnusable;
    case EfiType::kAcpiReclaim:
      return MemType::kAcpi;
    case EfiType::kAcpiNvs:
      return MemType::kNvs;
    case EfiType::kPersistent:
      return MemType::kPmem;
    case EfiType::kReserved:
    case EfiType::kRuntimeServicesCode:
    case EfiType::kRuntimeServicesData:
    case EfiType::kMmio:
    case EfiType::kMmioPorts:
    case EfiType::kPalCode:
    case EfiType::kUnaccepted:
      return MemType::kReserved;
  }
  return MemType::kReserved;  // OEM and OS loader types.
}

// Calls `take` with each descriptor and its range, which is not empty.
template <typename Take>
Status ForEachDescriptor(std::span<const std::byte> map, std::uint32_t descriptor_size, Take take) {
  if (descriptor_size < sizeof(EfiMemoryDescriptor)) {
    return Error{Errc::kMalformed, 0};
  }
  for (ByteReader reader(map); !reader.done();) {
    TRY_ASSIGN(const auto stored, reader.Take(descriptor_size));
    TRY_ASSIGN(const auto descriptor, ByteReader(stored).Read<EfiMemoryDescriptor>());
    const PhysAddr start(descriptor.physical_start.value());
    const std::uint64_t pages = descriptor.number_of_pages.value();
    if (pages > kPhysLimit / kPageSize) {
      return Error{Errc::kOutOfBounds, start.raw()};
    }
    TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(start, pages * kPageSize));
    if (!range.empty()) {
      TRY(take(descriptor, range));
    }
  }
  return kDone;
}

}  // namespace

Result<PhysRange> EfiMemoryMapRange(const EfiInfo& info) {
  const std::uint32_t signature = info.loader_signature.value();
  if ((signature != kEfiSignature32 && signature != kEfiSignature64) || info.memmap_size.value() == 0) {
    return PhysRange();
  }
  if (info.memdesc_size.value() < sizeof(EfiMemoryDescriptor)) {
    return Error{Errc::kMalformed, offsetof(EfiInfo, memdesc_size)};
  }
  if (info.memdesc_version.value() != kEfiDescriptorVersion) {
    return Error{Errc::kMalformed, offsetof(EfiInfo, memdesc_version)};
  }
  // The upper half is defined for 64-bit firmware only.
  const std::uint64_t high = signature == kEfiSignature64 ? info.memmap_hi.value() : 0;
  return PhysRange::FromStartSize(PhysAddr(high << 32 | info.memmap.value()), info.memmap_size.value());
}

Status CollectEfiRanges(std::span<const std::byte> map, std::uint32_t descriptor_size, RangeSet& out) {
  return ForEachDescriptor(map, descriptor_size, [&](const EfiMemoryDescriptor& descriptor, PhysRange range) {
    const bool is_free = static_cast<EfiType>(descriptor.type.value()) == EfiType::kConventional;
    return is_free ? Status(kDone) : out.Add(range);
  });
}

Result<EfiMapFacts> DescribeEfiMap(std::span<const std::byte> map, std::uint32_t descriptor_size) {
  EfiMapFacts facts;
  TRY(ForEachDescriptor(map, descriptor_size, [&](const EfiMemoryDescriptor& descriptor, PhysRange) -> Status {
    facts.has_virtual |= descriptor.virtual_start.value() != 0;
    facts.has_conventional |= static_cast<EfiType>(descriptor.type.value()) == EfiType::kConventional;
    return kDone;
  }));
  return facts;
}

Status DecodeEfiMemoryMap(std::span<const std::byte> map, std::uint32_t descriptor_size, MemoryMap& out) {
  return ForEachDescriptor(map, descriptor_size, [&](const EfiMemoryDescriptor& descriptor, PhysRange range) {
    return out.Overlay(range, MemTypeOf(descriptor));
  });
}

}  // namespace holdfast
