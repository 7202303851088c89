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
