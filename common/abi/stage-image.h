// SPDX-License-Identifier: BSD-2-Clause
// What holdfast.bzimage says of itself, and what whoever puts a bundle into it has to change.
//
// Layout only.  Ours; source of the fields around it: Documentation/arch/x86/boot.rst, PE Format (Microsoft).
//
//   file    0       0x1000   0x1200   0x1240          payload_offset      work_offset
//           | header | entry32 | entry64 | record | code | bundle | pad |  work area (not in the file)
//   address          load                                                                        load + init_size
//
// The header is not loaded: a byte at file offset N lies at load address + N - kStageHeaderSize.

#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/stored-int.h"

namespace holdfast {

inline constexpr std::uint64_t kStageHeaderSize = 0x1000;  // of the file: setup_sects is 7
inline constexpr std::uint64_t kStageRecordOffset = 0x1240;
inline constexpr std::uint64_t kStageRecordMagic = 0x3145474154534648;  // "HFSTAGE1" as it lies in the file

struct StageImageRecord {
  Le64 magic;
  Le64 payload_offset;  // of the bundle in the file, a multiple of 4096; 0 without one
  Le64 payload_size;
  Le64 work_offset;  // of the work area, a multiple of 4096 behind everything in the file
  Le64 work_size;    // set by the build
  Le64 boot_params;  // for a loader that cannot set RSI at the entry; 0 for all others
};
static_assert(sizeof(StageImageRecord) == 48 && alignof(StageImageRecord) == 1);

}  // namespace holdfast
