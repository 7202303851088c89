// SPDX-License-Identifier: BSD-2-Clause
// Linux x86 boot protocol: struct boot_params, the "zero page".
//
// Layout only: the fields that this project reads or writes; the rest is bytes that are carried along.
// Source: arch/x86/include/uapi/asm/bootparam.h and Documentation/arch/x86/zero-page.rst;
// the header from 0x1f1 on: Documentation/arch/x86/boot.rst, "Details of Header Fields".

#pragma once

#include <array>
#include <cstddef>

#include "common/abi/setup-data.h"
#include "common/base/stored-int.h"

namespace holdfast {

// struct efi_info
struct EfiInfo {
  Le32 loader_signature;  // "EL64", "EL32" or 0
  Le32 systab;
  Le32 memdesc_size;
  Le32 memdesc_version;
  Le32 memmap;
  Le32 memmap_size;
  Le32 systab_hi;
  Le32 memmap_hi;
};
static_assert(sizeof(EfiInfo) == 32);
inline constexpr std::uint32_t kEfiSignature32 = 0x32334c45;  // "EL32"
inline constexpr std::uint32_t kEfiSignature64 = 0x34364c45;  // "EL64"

// struct setup_header: offset 0x1f1 of a bzImage file and of boot_params alike.
struct SetupHeader {
  std::byte setup_sects;         // 0x1f1
  Le16 root_flags;               // 0x1f2
  Le32 syssize;                  // 0x1f4  protected-mode part in units of 16 bytes
  Le16 ram_size;                 // 0x1f8
  Le16 vid_mode;                 // 0x1fa
  Le16 root_dev;                 // 0x1fc
  Le16 boot_flag;                // 0x1fe  0xaa55 in a file; loaders leave other values in boot_params
  std::byte jump;                // 0x200
  std::byte header_length;       // 0x201  the header ends at 0x202 + this
  Le32 header;                   // 0x202  "HdrS"
  Le16 version;                  // 0x206
  Le32 realmode_swtch;           // 0x208
  Le16 start_sys_seg;            // 0x20c
  Le16 kernel_version;           // 0x20e
  std::byte type_of_loader;      // 0x210
  std::byte loadflags;           // 0x211
  Le16 setup_move_size;          // 0x212
  Le32 code32_start;             // 0x214
  Le32 ramdisk_image;            // 0x218
  Le32 ramdisk_size;             // 0x21c
  Le32 bootsect_kludge;          // 0x220
  Le16 heap_end_ptr;             // 0x224
  std::byte ext_loader_ver;      // 0x226
  std::byte ext_loader_type;     // 0x227
  Le32 cmd_line_ptr;             // 0x228
  Le32 initrd_addr_max;          // 0x22c
  Le32 kernel_alignment;         // 0x230
  std::byte relocatable_kernel;  // 0x234
  std::byte min_alignment;       // 0x235
  Le16 xloadflags;               // 0x236
  Le32 cmdline_size;             // 0x238
  Le32 hardware_subarch;         // 0x23c
  Le64 hardware_subarch_data;    // 0x240
  Le32 payload_offset;           // 0x248
  Le32 payload_length;           // 0x24c
  Le64 setup_data;               // 0x250
  Le64 pref_address;             // 0x258
  Le32 init_size;                // 0x260
  Le32 handover_offset;          // 0x264
  Le32 kernel_info_offset;       // 0x268
};
static_assert(alignof(SetupHeader) == 1 && sizeof(SetupHeader) == 0x26c - 0x1f1);
static_assert(offsetof(SetupHeader, header) == 0x202 - 0x1f1);
static_assert(offsetof(SetupHeader, init_size) == 0x260 - 0x1f1);

inline constexpr std::uint32_t kSetupHeaderMagic = 0x53726448;  // "HdrS"
inline constexpr std::size_t kSetupHeaderOffset = 0x1f1;
inline constexpr std::size_t kSetupHeaderLengthFrom = 0x202;  // header_length counts from here
inline constexpr std::uint64_t kEntry64Offset = 0x200;        // of the 64-bit entry in a loaded bzImage
inline constexpr std::byte kLoadedHigh{1};                    // loadflags
inline constexpr std::byte kKaslrFlag{1 << 1};                // loadflags
inline constexpr std::byte kUndefinedLoader{0xff};            // type_of_loader
inline constexpr std::uint16_t kXlfKernel64 = 1 << 0;
inline constexpr std::uint16_t kXlfCanBeLoadedAbove4G = 1 << 1;
inline constexpr std::uint16_t kXlfEfiHandover64 = 1 << 3;  // its EFI stub takes boot_params
inline constexpr std::uint16_t kXlf5Level = 1 << 5;         // its decompressor may be entered in 5-level paging
inline constexpr std::uint16_t kXlf5LevelEnabled = 1 << 6;  // it runs in 5-level paging itself

struct BootParams {
  std::array<std::byte, 0xf> screen_info;              // 0x000
  std::byte screen_is_vga;                             // 0x00f  orig_video_isVGA
  std::array<std::byte, 0x60> screen_info_and_apm;     // 0x010
  Le64 acpi_rsdp_addr;                                 // 0x070
  std::array<std::byte, 0xc0 - 0x78> bios_and_disks;   // 0x078
  Le32 ext_ramdisk_image;                              // 0x0c0
  Le32 ext_ramdisk_size;                               // 0x0c4
  Le32 ext_cmd_line_ptr;                               // 0x0c8
  std::array<std::byte, 0x13c - 0xcc> reserved_cc;     // 0x0cc
  Le32 cc_blob_address;                                // 0x13c
  std::array<std::byte, 0x80> edid_info;               // 0x140
  EfiInfo efi_info;                                    // 0x1c0
  Le32 alt_mem_k;                                      // 0x1e0
  Le32 scratch;                                        // 0x1e4
  std::byte e820_entries;                              // 0x1e8
  std::array<std::byte, 3> edd_and_keyboard;           // 0x1e9  eddbuf_entries, edd_mbr_sig_buf_entries, kbd_status
  std::byte secure_boot;                               // 0x1ec
  std::array<std::byte, 2> reserved_1ed;               // 0x1ed
  std::byte sentinel;                                  // 0x1ef  0, or the loader copied more of a file than the header
  std::byte reserved_1f0;                              // 0x1f0
  SetupHeader hdr;                                     // 0x1f1
  std::array<std::byte, 0x2d0 - 0x26c> edd_mbr;        // 0x26c
  std::array<E820Entry, kE820MaxZeropage> e820_table;  // 0x2d0
  std::array<std::byte, 0x1000 - 0xcd0> eddbuf;        // 0xcd0
};
static_assert(alignof(BootParams) == 1 && sizeof(BootParams) == 0x1000);
static_assert(offsetof(BootParams, efi_info) == 0x1c0 && offsetof(BootParams, e820_entries) == 0x1e8);
static_assert(offsetof(BootParams, hdr) == kSetupHeaderOffset && offsetof(BootParams, e820_table) == 0x2d0);
static_assert(offsetof(BootParams, cc_blob_address) == 0x13c && offsetof(BootParams, sentinel) == 0x1ef);

}  // namespace holdfast
