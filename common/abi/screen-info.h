// SPDX-License-Identifier: BSD-2-Clause
// Linux x86 boot protocol: struct screen_info, the first bytes of boot_params.
//
// Layout only.  Source: include/uapi/linux/screen_info.h.

#pragma once

#include <array>
#include <cstddef>

#include "common/base/stored-int.h"

namespace holdfast {

inline constexpr std::byte kVideoTypeEfi{0x70};            // VIDEO_TYPE_EFI
inline constexpr std::uint32_t kVideoSkipQuirks = 1 << 0;  // VIDEO_CAPABILITY_SKIP_QUIRKS
inline constexpr std::uint32_t kVideo64BitBase = 1 << 1;   // VIDEO_CAPABILITY_64BIT_BASE

struct ColourField {
  std::byte size;      // bits
  std::byte position;  // of the lowest one
};

struct ScreenInfo {
  std::array<std::byte, 0xf> text_mode;  // 0x00
  std::byte type;                        // 0x0f  orig_video_isVGA
  Le16 text_points;                      // 0x10
  Le16 width;                            // 0x12  pixels
  Le16 height;                           // 0x14
  Le16 depth;                            // 0x16  bits
  Le32 base;                             // 0x18
  Le32 size;                             // 0x1c  bytes, where the type is kVideoTypeEfi
  Le32 mode_code;                        // 0x20  cl_magic, cl_offset
  Le16 line_length;                      // 0x24  bytes
  ColourField red;                       // 0x26
  ColourField green;                     // 0x28
  ColourField blue;                      // 0x2a
  ColourField reserved;                  // 0x2c
  std::array<std::byte, 8> vesa;         // 0x2e
  Le32 capabilities;                     // 0x36
  Le32 ext_base;                         // 0x3a  upper half
  std::array<std::byte, 2> padding;      // 0x3e
};
static_assert(alignof(ScreenInfo) == 1 && sizeof(ScreenInfo) == 0x40);
static_assert(offsetof(ScreenInfo, type) == 0x0f && offsetof(ScreenInfo, base) == 0x18);
static_assert(offsetof(ScreenInfo, line_length) == 0x24 && offsetof(ScreenInfo, capabilities) == 0x36);

}  // namespace holdfast
