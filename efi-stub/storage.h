// SPDX-License-Identifier: BSD-2-Clause
// The application's tables.
//
// Firmware allocates them with the image, before the application knows what is kept: nothing of this is taken later,
// where it could meet kept memory that has not been fenced yet.  What firmware takes for itself when it opens a file is
// its own affair: its map is read again before anything is fenced.

#pragma once

#include <array>
#include <cstddef>

#include "common/codec/zstd.h"
#include "common/format/efi-memory-map.h"
#include "common/format/handover-v1.h"
#include "common/format/kho.h"
#include "common/mem/memory-map.h"
#include "common/mem/preserved-map.h"
#include "common/plan/boot-plan.h"
#include "common/plan/firmware-claims.h"
#include "common/plan/stage-limits.h"

namespace holdfast::efi {

// Of firmware's own map, before the fence and with it.
inline constexpr std::size_t kMaxFirmwareMapBytes = 256 * 1024;
// Free ranges too: as many as its descriptors can be.
inline constexpr std::size_t kMaxFirmwareRanges = kMaxFirmwareMapBytes / sizeof(EfiMemoryDescriptor);
inline constexpr std::size_t kMaxReportBytes = 2 * kMiB + kMiB / 2;

struct Storage {
  alignas(16) std::array<std::byte, kMaxFirmwareMapBytes> firmware_map;
  std::array<FirmwareRange, kMaxFirmwareRanges> owned;
  std::array<MemEntry, kMaxMapEntries> map;
  std::array<MemEntry, kMaxMapEntries> fenced_map;
  std::array<PhysRange, kMaxReadable> readable;
  std::array<InUse, kMaxInUse> in_use;
  std::array<PhysRange, kMaxAvoided> avoid;
  std::array<PhysRange, kMaxScratchRanges> scratch;
  std::array<PhysRange, kMaxKhoScratch> native_scratch;
  std::array<PhysRange, kMaxRamRanges> ram;
  std::array<KeptRange, kMaxKept> kept;
  std::array<FirmwareClaim, kMaxFirmwareClaims> claims;
  std::array<FirmwareClaim, kMaxFirmwareClaims> wanted_claims;
  ZstdWorkspace zstd;
  alignas(8) std::array<std::byte, kMaxHandoverSize> handover_file;
  alignas(8) std::array<std::byte, kMaxHandoverSize> bundles_handover;
  alignas(16) std::array<char, 4096> command_line;
  alignas(16) std::array<std::byte, kMaxReportBytes> report;
};

}  // namespace holdfast::efi
