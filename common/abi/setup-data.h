// SPDX-License-Identifier: BSD-2-Clause
// Linux x86 boot protocol: the setup_data chain and the e820 entry.
//
// Layout only.  Source: Documentation/arch/x86/boot.rst ("setup_data") and
// arch/x86/include/uapi/asm/setup_data.h.  Nothing in this file may be changed to suit us,
// but for the types that are ours.

#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "common/base/stored-int.h"

namespace holdfast {

inline constexpr std::uint32_t kSetupE820Ext = 1;
inline constexpr std::uint32_t kSetupDtb = 2;
inline constexpr std::uint32_t kSetupEfi = 4;
inline constexpr std::uint32_t kSetupIma = 8;
inline constexpr std::uint32_t kSetupRngSeed = 9;
inline constexpr std::uint32_t kSetupKexecKho = 10;
inline constexpr std::uint32_t kSetupIndirect = std::uint32_t{1} << 31;
// An indirect target whose type no kernel parses; it only has to be SETUP_INDIRECT | non-zero.
inline constexpr std::uint32_t kSetupIndirectHeld = kSetupIndirect | 2;
// Ours: the report for the next kernel's user space ("HFDT" in ASCII).
inline constexpr std::uint32_t kSetupHoldfastReport = 0x48464454;
// Ours: a KHO node that the next kernel must not take, for user space to find ("HFKH").
inline constexpr std::uint32_t kSetupHoldfastHiddenKho = 0x48464b48;

struct SetupDataHeader {
  Le64 next;  // physical address of the next node, 0 at the end
  Le32 type;
  Le32 len;  // bytes after this header
};
static_assert(sizeof(SetupDataHeader) == 16 && alignof(SetupDataHeader) == 1);
static_assert(offsetof(SetupDataHeader, type) == 8 && offsetof(SetupDataHeader, len) == 12);

// Follows a header of type kSetupIndirect.
struct SetupIndirect {
  Le32 type;
  Le32 reserved;
  Le64 len;
  Le64 addr;
};
static_assert(sizeof(SetupIndirect) == 24 && offsetof(SetupIndirect, addr) == 16);

// Follows a header of type kSetupIma: where the measurement list of the last kernel lies.
struct SetupIma {
  Le64 addr;
  Le64 size;
};
static_assert(sizeof(SetupIma) == 16);

struct E820Entry {
  Le64 addr;
  Le64 size;
  Le32 type;
};
static_assert(sizeof(E820Entry) == 20 && alignof(E820Entry) == 1, "20 bytes, unpadded: the table is an array of these");

inline constexpr std::size_t kE820MaxZeropage = 128;  // E820_MAX_ENTRIES_ZEROPAGE

}  // namespace holdfast
