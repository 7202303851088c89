// SPDX-License-Identifier: BSD-2-Clause
// EFI memory descriptor.
//
// Layout only.  Source: UEFI 2.10, 7.2.3 EFI_BOOT_SERVICES.GetMemoryMap().  The stride of a stored map is
// the DescriptorSize that comes with it, never sizeof this.

#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/stored-int.h"

namespace holdfast {

// EFI_MEMORY_TYPE (UEFI 2.10, 7.2.1).
enum class EfiMemoryType : std::uint32_t {
  kReserved = 0,
  kLoaderCode = 1,
  kLoaderData = 2,
  kBootServicesCode = 3,
  kBootServicesData = 4,
  kRuntimeServicesCode = 5,
  kRuntimeServicesData = 6,
  kConventional = 7,
  kUnusable = 8,
  kAcpiReclaim = 9,
  kAcpiNvs = 10,
  kMmio = 11,
  kMmioPorts = 12,
  kPalCode = 13,
  kPersistent = 14,
  kUnaccepted = 15,
};
inline constexpr std::uint64_t kEfiSpecificPurpose = 0x40000;  // EFI_MEMORY_SP

struct EfiMemoryDescriptor {
  Le32 type;
  Le32 padding;
  Le64 physical_start;
  Le64 virtual_start;
  Le64 number_of_pages;  // of 4 KiB
  Le64 attribute;
};
static_assert(sizeof(EfiMemoryDescriptor) == 40 && offsetof(EfiMemoryDescriptor, number_of_pages) == 24);

inline constexpr std::uint32_t kEfiDescriptorVersion = 1;

}  // namespace holdfast
