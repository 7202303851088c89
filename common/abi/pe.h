// SPDX-License-Identifier: BSD-2-Clause
// PE image: the headers that lead to its sections.
//
// Layout only.  Source: PE Format (Microsoft), "COFF File Header", "Optional Header", "Section Table".

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/stored-int.h"

namespace holdfast {

inline constexpr std::uint16_t kDosMagic = 0x5a4d;      // "MZ"
inline constexpr std::size_t kPeOffsetField = 0x3c;     // Le32: where the PE header begins
inline constexpr std::uint32_t kPeMagic = 0x4550;       // "PE\0\0"
inline constexpr std::uint16_t kPe32PlusMagic = 0x20b;  // optional header's
inline constexpr std::uint16_t kPeMachineX64 = 0x8664;
inline constexpr std::uint16_t kPeRelocationsStripped = 1 << 0;
inline constexpr std::uint32_t kPeSectionData = 0x40000040;  // initialised data, readable
inline constexpr std::size_t kPeSecurityDirectory = 4;       // index of the signature's directory entry

struct PeFileHeader {
  Le32 magic;
  Le16 machine;
  Le16 num_sections;
  Le32 time_stamp;
  Le32 symbols;
  Le32 num_symbols;
  Le16 optional_size;
  Le16 characteristics;
};
static_assert(sizeof(PeFileHeader) == 24);

struct PeOptionalHeader {
  Le16 magic;
  std::array<std::byte, 2> linker;
  Le32 size_of_code;
  Le32 size_of_initialized_data;
  Le32 size_of_uninitialized_data;
  Le32 entry;
  Le32 base_of_code;
  Le64 image_base;
  Le32 section_alignment;
  Le32 file_alignment;
  std::array<std::byte, 4> system_version;
  Le16 major_image_version;
  std::array<std::byte, 10> other_versions;
  Le32 size_of_image;
  Le32 size_of_headers;
  Le32 checksum;
  Le16 subsystem;
  Le16 dll_characteristics;
  std::array<std::byte, 36> stack_and_heap;
  Le32 num_directories;
};
static_assert(sizeof(PeOptionalHeader) == 112 && offsetof(PeOptionalHeader, section_alignment) == 32);
static_assert(offsetof(PeOptionalHeader, major_image_version) == 44);
static_assert(offsetof(PeOptionalHeader, size_of_image) == 56 && offsetof(PeOptionalHeader, num_directories) == 108);

struct PeDirectory {
  Le32 address;
  Le32 size;
};

struct PeSection {
  std::array<char, 8> name;  // padded with NULs
  Le32 virtual_size;
  Le32 virtual_address;
  Le32 raw_size;
  Le32 raw_offset;
  std::array<std::byte, 12> relocations_and_lines;
  Le32 characteristics;
};
static_assert(sizeof(PeSection) == 40 && offsetof(PeSection, characteristics) == 36);

}  // namespace holdfast
