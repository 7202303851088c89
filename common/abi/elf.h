// SPDX-License-Identifier: BSD-2-Clause
// ELF files of 64-bit x86, as far as an unpacked kernel and a captured memory need them.
//
// Layout only.  Source: System V ABI, chapter 4 "Object Files" and 5 "Program Loading"; AMD64 supplement, 4.1.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/stored-int.h"

namespace holdfast {

inline constexpr std::uint32_t kElfMagic = 0x464c457f;  // "\x7fELF" as it lies in the file
inline constexpr std::byte kElfClass64{2};
inline constexpr std::byte kElfData2Lsb{1};
inline constexpr std::byte kElfVersionCurrent{1};
inline constexpr std::uint16_t kElfTypeExec = 2;
inline constexpr std::uint16_t kElfTypeCore = 4;
inline constexpr std::uint16_t kElfMachineX8664 = 62;
inline constexpr std::uint32_t kElfLoad = 1;  // PT_LOAD
// PN_XNUM: there are more program headers than the field can say.
inline constexpr std::uint16_t kElfManyProgramHeaders = 0xffff;

struct Elf64Header {
  Le32 magic;                       // 0x00
  std::byte file_class;             // 0x04
  std::byte data;                   // 0x05
  std::byte version;                // 0x06
  std::array<std::byte, 9> os_abi;  // 0x07
  Le16 type;                        // 0x10
  Le16 machine;                     // 0x12
  Le32 object_version;              // 0x14
  Le64 entry;                       // 0x18
  Le64 program_headers_offset;      // 0x20
  Le64 section_headers_offset;      // 0x28
  Le32 flags;                       // 0x30
  Le16 header_size;                 // 0x34
  Le16 program_header_size;         // 0x36
  Le16 num_program_headers;         // 0x38
  Le16 section_header_size;         // 0x3a
  Le16 num_section_headers;         // 0x3c
  Le16 section_names_index;         // 0x3e
};
static_assert(sizeof(Elf64Header) == 64 && alignof(Elf64Header) == 1);

struct Elf64ProgramHeader {
  Le32 type;              // 0x00
  Le32 flags;             // 0x04
  Le64 offset;            // 0x08
  Le64 virtual_address;   // 0x10
  Le64 physical_address;  // 0x18
  Le64 file_size;         // 0x20
  Le64 memory_size;       // 0x28
  Le64 alignment;         // 0x30
};
static_assert(sizeof(Elf64ProgramHeader) == 56 && alignof(Elf64ProgramHeader) == 1);

}  // namespace holdfast
