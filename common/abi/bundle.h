// SPDX-License-Identifier: BSD-2-Clause
// The bundle: one file with everything that the stage starts.
//
// Layout only.  Ours: docs/holdfast-bundle.5.  A header, at once behind it the part table, then the parts, each
// beginning at a multiple of kBundleAlignment.  All numbers are little-endian, all offsets count from the header.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/stored-int.h"

namespace holdfast {

inline constexpr std::uint64_t kBundleMagic = 0x454c444e55424648;  // "HFBUNDLE" as it lies in the file
inline constexpr std::uint32_t kBundleVersion = 1;
inline constexpr std::uint64_t kBundleAlignment = 4096;
inline constexpr std::size_t kMaxBundleParts = 8;

// Each stands in a bundle once at most.
enum class BundlePartKind : std::uint32_t {
  kKernel = 1,       // a bzImage; only its setup sectors where the bundle has a kVmlinux
  kVmlinux = 2,      // what the kernel's payload unpacks to: an ELF file, then relocation tables
  kInitrd = 3,       //
  kCommandLine = 4,  // without a NUL
  kHandover = 5,     // a flattened device tree
};
enum class BundleEncoding : std::uint32_t { kStored = 0, kZstd = 1 };

// Which of the kernel's entries is to be used.
enum class KernelEntry : std::uint32_t {
  kAuto = 0,
  kVmlinux = 1,
  kBzImage = 2,
  // While firmware's boot services are there only: firmware starts it as an EFI application, or its EFI stub is given
  // boot_params (boot.rst, "EFI Handover Protocol").  It then chooses its own place in what firmware has free.
  kEfiImage = 3,
  kEfiHandover = 4,
};

struct StoredBundleHeader {
  Le64 magic;
  Le32 version;
  Le32 num_parts;
  Le64 size;  // of the whole bundle, up to the end of its last part
  Le32 entry;
  Le32 mode;                         // a ModeWish: 0 auto, 1 fence, 2 native
  std::array<std::byte, 32> digest;  // SHA-256 of the header, with this field zero, and of the part table
};
static_assert(sizeof(StoredBundleHeader) == 64 && alignof(StoredBundleHeader) == 1);
static_assert(offsetof(StoredBundleHeader, digest) == 32);

struct StoredBundlePart {
  Le32 kind;
  Le32 encoding;
  Le64 offset;
  Le64 stored_size;                  // as it lies here
  Le64 size;                         // decoded
  std::array<std::byte, 32> digest;  // SHA-256 of the stored bytes
};
static_assert(sizeof(StoredBundlePart) == 64 && alignof(StoredBundlePart) == 1);

}  // namespace holdfast
