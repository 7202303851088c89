// SPDX-License-Identifier: BSD-2-Clause
// An EFI application as far as its headers go: two sections, and room for six more headers.

#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "common/abi/pe.h"
#include "tests/support/kernel-files.h"

namespace holdfast::tool {

inline constexpr std::size_t kFakePeHeader = 0x80;
inline constexpr std::size_t kFakeOptional = kFakePeHeader + sizeof(PeFileHeader);
inline constexpr std::size_t kFakeDirectories = kFakeOptional + sizeof(PeOptionalHeader);
inline constexpr std::size_t kFakeTable = kFakeDirectories + 16 * sizeof(PeDirectory);
inline constexpr std::size_t kFakeHeaders = 0x400;

inline PeSection FakeSection(std::string_view name, std::uint32_t address, std::uint32_t size, std::uint32_t offset) {
  PeSection out{};
  std::copy(name.begin(), name.end(), out.name.begin());
  out.virtual_size.Set(size);
  out.virtual_address.Set(address);
  out.raw_size.Set((size + 0x1ff) & ~std::uint32_t{0x1ff});
  out.raw_offset.Set(offset);
  out.characteristics.Set(kPeSectionData);
  return out;
}

inline std::vector<std::byte> FakeEfi() {
  std::vector<std::byte> out(kFakeHeaders + 0x200 + 0x400, std::byte{0});
  test::Put(out, 0, Le16(kDosMagic));
  test::Put(out, kPeOffsetField, Le32(kFakePeHeader));
  PeFileHeader file{};
  file.magic.Set(kPeMagic);
  file.machine.Set(kPeMachineX64);
  file.num_sections.Set(2);
  file.optional_size.Set(sizeof(PeOptionalHeader) + 16 * sizeof(PeDirectory));
  file.characteristics.Set(0x206);
  test::Put(out, kFakePeHeader, file);
  PeOptionalHeader optional{};
  optional.magic.Set(kPe32PlusMagic);
  optional.size_of_code.Set(0x200);
  optional.size_of_initialized_data.Set(0x400);
  optional.entry.Set(0x1000);
  optional.base_of_code.Set(0x1000);
  optional.section_alignment.Set(0x1000);
  optional.file_alignment.Set(0x200);
  optional.size_of_image.Set(0x3000);
  optional.size_of_headers.Set(kFakeHeaders);
  optional.subsystem.Set(10);
  optional.num_directories.Set(16);
  test::Put(out, kFakeOptional, optional);
  test::Put(out, kFakeTable, FakeSection(".text", 0x1000, 0x123, kFakeHeaders));
  test::Put(out, kFakeTable + sizeof(PeSection), FakeSection(".data", 0x2000, 0x321, kFakeHeaders + 0x200));
  std::fill(out.begin() + kFakeHeaders, out.end(), std::byte{0xcc});
  return out;
}

}  // namespace holdfast::tool
