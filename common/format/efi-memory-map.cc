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

// Firmware sorts its map, mostly: a place near the end is looked for from there.
Status InsertAscending(const FirmwareRange& range, BoundedVector<FirmwareRange>& out) {
  std::size_t i = out.size();
  while (i != 0 && range.range.start() < out[i - 1].range.start()) {
    --i;
  }
  return out.Insert(i, range);
}

// Takes out what is free, and joins neighbours of one type.
Status JoinOwned(BoundedVector<FirmwareRange>& ranges) {
  std::size_t size = 0;
  PhysAddr end;
  for (const FirmwareRange& each : ranges.view()) {
    if (each.range.start() < end) {
      return Error{Errc::kKeptOverlap, each.range.start().raw()};
    }
    end = each.range.end();
    if (each.type == EfiType::kConventional) {
      continue;
    }
    if (size != 0 && ranges[size - 1].type == each.type && ranges[size - 1].range.end() == each.range.start()) {
      TRY_ASSIGN(ranges[size - 1].range, PhysRange::FromStartEnd(ranges[size - 1].range.start(), end));
    } else {
      ranges[size++] = each;
    }
  }
  ranges.Truncate(size);
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

std::string_view EfiMemoryTypeName(EfiMemoryType type) {
  switch (type) {
    case EfiType::kReserved:
      return "reserved memory";
    case EfiType::kLoaderCode:
      return "loader code";
    case EfiType::kLoaderData:
      return "loader data";
    case EfiType::kBootServicesCode:
      return "boot services code";
    case EfiType::kBootServicesData:
      return "boot services data";
    case EfiType::kRuntimeServicesCode:
      return "runtime services code";
    case EfiType::kRuntimeServicesData:
      return "runtime services data";
    case EfiType::kConventional:
      return "free memory";
    case EfiType::kUnusable:
      return "unusable memory";
    case EfiType::kAcpiReclaim:
      return "ACPI tables";
    case EfiType::kAcpiNvs:
      return "ACPI NVS";
    case EfiType::kMmio:
      return "memory-mapped I/O";
    case EfiType::kMmioPorts:
      return "memory-mapped I/O ports";
    case EfiType::kPalCode:
      return "PAL code";
    case EfiType::kPersistent:
      return "persistent memory";
    case EfiType::kUnaccepted:
      return "unaccepted memory";
  }
  return "foreign memory";
}

Status CollectFirmwareRanges(std::span<const std::byte> map, std::uint32_t descriptor_size,
                             BoundedVector<FirmwareRange>& out) {
  out.Clear();
  TRY(ForEachDescriptor(map, descriptor_size, [&](const EfiMemoryDescriptor& descriptor, PhysRange range) {
    return InsertAscending({range, static_cast<EfiType>(descriptor.type.value())}, out);
  }));
  return JoinOwned(out);
}

Status DecodeEfiMemoryMap(std::span<const std::byte> map, std::uint32_t descriptor_size, MemoryMap& out) {
  return ForEachDescriptor(map, descriptor_size, [&](const EfiMemoryDescriptor& descriptor, PhysRange range) {
    return out.Overlay(range, MemTypeOf(descriptor));
  });
}

}  // namespace holdfast
