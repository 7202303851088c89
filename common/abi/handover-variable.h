// SPDX-License-Identifier: BSD-2-Clause
// What stands in EFI variables: where the handover is, for the application, and the report, for user space.
//
// Layout only.  Ours: docs/holdfast-handover.5.  Both are variables of vendor kHoldfastVendorGuid; efivarfs calls them
// "HoldfastHandover-8c2a3d50-...", and puts four bytes of attributes before what they hold.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/stored-int.h"

namespace holdfast {

// 8c2a3d50-5b0e-4f64-9d0c-6f1f2b7d4ae1, as it lies in memory: its first three fields are little-endian.
inline constexpr std::array<std::uint8_t, 16> kHoldfastVendorGuid = {0x50, 0x3d, 0x2a, 0x8c, 0x0e, 0x5b, 0x64, 0x4f,
                                                                     0x9d, 0x0c, 0x6f, 0x1f, 0x2b, 0x7d, 0x4a, 0xe1};
inline constexpr const char* kHoldfastVendorText = "8c2a3d50-5b0e-4f64-9d0c-6f1f2b7d4ae1";
inline constexpr const char16_t* kHandoverVariable = u"HoldfastHandover";
// Volatile: a report-v1 tree, in parts left out where firmware has no room for all of it.
inline constexpr const char16_t* kReportVariable = u"HoldfastReport";
// The whole report, as a configuration table: a report-v1 tree in reserved memory.
// 3f7c9b1e-0d53-4f0a-8a59-b5c06d1f92e4
inline constexpr std::array<std::uint8_t, 16> kReportTableGuid = {0x1e, 0x9b, 0x7c, 0x3f, 0x53, 0x0d, 0x0a, 0x4f,
                                                                  0x8a, 0x59, 0xb5, 0xc0, 0x6d, 0x1f, 0x92, 0xe4};

inline constexpr std::uint32_t kHandoverVariableVersion = 1;
inline constexpr std::uint32_t kHandoverOneShot = 1 << 0;  // deleted before it is believed

enum class HandoverVariableKind : std::uint32_t {
  kTree = 1,  // a handover-v1 tree
  kKho = 2,   // KHO's tree; scratch_address and scratch_size are its array of areas
};

struct StoredHandoverVariable {
  Le32 version;
  Le32 flags;
  Le32 kind;
  Le32 reserved;                     // 0
  Le64 address;                      // of the tree
  Le64 size;                         // bytes
  Le64 scratch_address;              // kKho; else 0
  Le64 scratch_size;                 //
  std::array<std::byte, 32> digest;  // SHA-256 of the tree
};
static_assert(sizeof(StoredHandoverVariable) == 80 && alignof(StoredHandoverVariable) == 1);

}  // namespace holdfast
