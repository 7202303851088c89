// SPDX-License-Identifier: BSD-2-Clause
// Small PE images, as files and as firmware loads them, sound until a test changes a byte of them.

#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "common/abi/pe.h"
#include "tests/support/kernel-files.h"

namespace holdfast::test {

struct TestSection {
  std::string name;
  ByteVector bytes;
  // As they stand in the header, where they are not 0.
  std::uint32_t virtual_size = 0;
  std::uint32_t virtual_address = 0;
};

struct TestPe {
  std::vector<TestSection> sections;
  std::uint32_t file_alignment = 0x200;
  std::uint32_t section_alignment = 0x1000;
  std::uint32_t headers = 0x400;      // bytes
  std::uint32_t num_directories = 6;  // of which the fifth is a signature's
  ByteVector signature;               // behind everything, in the file only

  static constexpr std::size_t kFileHeader = 0x80;
  static constexpr std::size_t kOptionalHeader = kFileHeader + sizeof(PeFileHeader);

  std::size_t table() const {
    return kOptionalHeader + sizeof(PeOptionalHeader) + num_directories * sizeof(PeDirectory);
  }
  // Where a field of a section's header lies.
  std::size_t SectionAt(std::size_t index, std::size_t field) const {
    return table() + index * sizeof(PeSection) + field;
  }

  ByteVector Build() const {
    ByteVector file(headers);
    std::uint32_t address = static_cast<std::uint32_t>(AlignUp(headers, section_alignment));
    for (std::size_t i = 0; i < sections.size(); ++i) {
      const TestSection& section = sections[i];
      const auto size = static_cast<std::uint32_t>(section.bytes.size());
      const auto raw_size = static_cast<std::uint32_t>(AlignUp(size, file_alignment));
      const std::uint32_t virtual_size = section.virtual_size == 0 ? size : section.virtual_size;
      const std::uint32_t start = section.virtual_address == 0 ? address : section.virtual_address;
      PeSection header{};
      std::memcpy(header.name.data(), section.name.data(), std::min(section.name.size(), header.name.size()));
      header.virtual_size = Le32(virtual_size);
      header.virtual_address = Le32(start);
      header.raw_size = Le32(raw_size);
      header.raw_offset = Le32(static_cast<std::uint32_t>(file.size()));
      header.characteristics = Le32(kPeSectionData);
      Put(file, SectionAt(i, 0), header);
      Push(file, section.bytes);
      file.resize(file.size() + raw_size - size);
      address = static_cast<std::uint32_t>(AlignUp(std::max(address, start + virtual_size), section_alignment));
    }
    PutHeaders(file, address);
    Push(file, signature);
    return file;
  }

  // What firmware makes of the file: headers, then each section at its address.
  ByteVector Load() const {
    const ByteVector file = Build();
    const auto optional = Get<PeOptionalHeader>(file, kOptionalHeader);
    ByteVector image(optional.size_of_image.value());
    std::memcpy(image.data(), file.data(), headers);
    for (std::size_t i = 0; i < sections.size(); ++i) {
      const auto header = Get<PeSection>(file, SectionAt(i, 0));
      const std::size_t size = std::min(header.virtual_size.value(), header.raw_size.value());
      std::memcpy(image.data() + header.virtual_address.value(), file.data() + header.raw_offset.value(), size);
    }
    return image;
  }

 private:
  void PutHeaders(ByteVector& file, std::uint32_t image_size) const {
    Put(file, 0, Le16(kDosMagic));
    Put(file, kPeOffsetField, Le32(kFileHeader));
    PeFileHeader header{};
    header.magic = Le32(kPeMagic);
    header.machine = Le16(kPeMachineX64);
    header.num_sections = Le16(static_cast<std::uint16_t>(sections.size()));
    header.optional_size =
        Le16(static_cast<std::uint16_t>(sizeof(PeOptionalHeader) + num_directories * sizeof(PeDirectory)));
    header.characteristics = Le16(0x206);
    Put(file, kFileHeader, header);
    PeOptionalHeader optional{};
    optional.magic = Le16(kPe32PlusMagic);
    optional.section_alignment = Le32(section_alignment);
    optional.file_alignment = Le32(file_alignment);
    optional.size_of_image = Le32(image_size);
    optional.size_of_headers = Le32(headers);
    optional.subsystem = Le16(10);
    optional.num_directories = Le32(num_directories);
    Put(file, kOptionalHeader, optional);
    if (!signature.empty()) {
      Put(file, kOptionalHeader + sizeof(optional) + kPeSecurityDirectory * sizeof(PeDirectory),
          PeDirectory{Le32(static_cast<std::uint32_t>(file.size())),
                      Le32(static_cast<std::uint32_t>(signature.size()))});
    }
  }
};

// An application with inputs beside its code, none of them a whole number of alignments long.
inline TestPe SmallPe() {
  return {.sections = {{.name = ".text", .bytes = Filled(0x1234, 0x90)},
                       {.name = ".cmdline", .bytes = Filled(5, 'x')},
                       {.name = ".dtb", .bytes = Filled(0x201, 0xd7)}},
          .signature = {}};
}

}  // namespace holdfast::test
