// SPDX-License-Identifier: BSD-2-Clause
// The application, or any PE image: read, and given sections.

#include "tools/mkhandover/efi-file.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "common/base/align.h"
#include "common/base/byte-reader.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::uint64_t kMaxImage = std::numeric_limits<std::uint32_t>::max();

template <typename T>
T ReadAt(std::span<const std::byte> bytes, std::uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.subspan(offset, sizeof(value)).data(), sizeof(value));
  return value;
}

template <typename T>
void WriteAt(std::span<std::byte> bytes, std::uint64_t offset, const T& value) {
  std::memcpy(bytes.subspan(offset, sizeof(value)).data(), &value, sizeof(value));
}

// PE Format, "CheckSum": 16-bit words added with their carries, the field itself as 0, then the file's size.
std::uint32_t ChecksumOf(std::span<const std::byte> bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += sizeof(Le16)) {
    const auto low = static_cast<std::uint64_t>(bytes[i]);
    const auto high = i + 1 < bytes.size() ? static_cast<std::uint64_t>(bytes[i + 1]) : 0;
    sum += low | high << 8;
  }
  while (sum >> 16 != 0) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint32_t>(sum + bytes.size());
}

PeSection HeaderOf(const NewSection& section, std::uint64_t address, std::uint64_t offset, std::uint64_t raw_size) {
  PeSection out{};
  std::copy(section.name.begin(), section.name.end(), out.name.begin());
  out.virtual_size.Set(static_cast<std::uint32_t>(section.bytes.size()));
  out.virtual_address.Set(static_cast<std::uint32_t>(address));
  out.raw_size.Set(static_cast<std::uint32_t>(raw_size));
  out.raw_offset.Set(static_cast<std::uint32_t>(offset));
  out.characteristics.Set(kPeSectionData);
  return out;
}

}  // namespace

std::string_view SectionName(const PeSection& section) {
  const auto end = std::find(section.name.begin(), section.name.end(), '\0');
  return {section.name.data(), static_cast<std::size_t>(end - section.name.begin())};
}

EfiFile::EfiFile(std::vector<std::byte> bytes, std::string name) : name_(std::move(name)), bytes_(std::move(bytes)) {
  if (const Status status = DecodePeImage(bytes_, PeForm::kFile, image_); !status.ok()) {
    const Error error = status.error();
    throw Failure(
        error, Format("{}: no EFI application: {}", name_, DescribeRule({.code = error.code, .where = error.where})));
  }
}

EfiFile::EfiFile(const std::string& path) : EfiFile(ReadFile(path), FileName(path)) {}

bool EfiFile::Looks(std::span<const std::byte> bytes) {
  const auto magic = ByteReader(bytes).Read<Le16>();
  return magic.ok() && magic.value().value() == kDosMagic;
}

std::uint64_t EfiFile::EndInMemory() const {
  std::uint64_t end = image_.optional_header.size_of_image.value();
  for (const PeSection& section : image_.sections) {
    const std::uint64_t size = std::max(section.virtual_size.value(), section.raw_size.value());
    end = std::max(end, section.virtual_address.value() + size);
  }
  return end;
}

void EfiFile::CheckRoom(std::span<const NewSection> sections) const {
  if (image_.is_signed) {
    throw Failure(ExitCode::kBadInput, Format("{}: is signed, which a section would break: sign the result", name_));
  }
  for (const NewSection& section : sections) {
    if (image_.Find(section.name)) {
      throw Failure(ExitCode::kBadInput,
                    Format("{}: has a section {} already: give the application without one", name_, section.name));
    }
  }
  // What is behind the table, up to the first byte of a section, is room as long as nobody uses it.
  const std::uint64_t table_end = image_.section_table + image_.sections.size() * sizeof(PeSection);
  std::uint64_t limit = std::min<std::uint64_t>(image_.optional_header.size_of_headers.value(), bytes_.size());
  for (const PeSection& section : image_.sections) {
    if (section.raw_size.value() != 0) {
      limit = std::min<std::uint64_t>(limit, section.raw_offset.value());
    }
  }
  const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(table_end, limit));
  const auto used = std::find_if(from, bytes_.begin() + static_cast<std::ptrdiff_t>(limit),
                                 [](std::byte b) { return b != std::byte{0}; });
  const std::uint64_t room = std::min<std::uint64_t>(static_cast<std::uint64_t>(used - from) / sizeof(PeSection),
                                                     kMaxPeSections - image_.sections.size());
  if (sections.size() > room) {
    throw Failure({Errc::kTableFull, room},
                  Format("{}: {}: room for {} section headers behind its table, {} needed: link it with more", name_,
                         ErrcName(Errc::kTableFull), room, sections.size()));
  }
}

std::vector<std::byte> EfiFile::WithSections(std::span<const NewSection> sections) const {
  CheckRoom(sections);
  const std::uint64_t section_alignment = image_.optional_header.section_alignment.value();
  const std::uint64_t file_alignment = image_.optional_header.file_alignment.value();
  PeFileHeader file_header = image_.file_header;
  PeOptionalHeader optional_header = image_.optional_header;
  std::vector<PeSection> headers;
  std::uint64_t address = AlignUp(EndInMemory(), section_alignment);
  const std::uint64_t first_offset = AlignUp(bytes_.size(), file_alignment);
  std::uint64_t offset = first_offset;
  for (const NewSection& section : sections) {
    const std::uint64_t raw_size = AlignUp(section.bytes.size(), file_alignment);
    if (offset + raw_size > kMaxImage || address + AlignUp(raw_size, section_alignment) > kMaxImage) {
      throw Failure(ExitCode::kBadInput, Format("{}: with a section {} of {} it would need more than 4 GiB: put the "
                                                "files onto the ESP instead, with mkhandover install",
                                                name_, section.name, SizeText(section.bytes.size())));
    }
    headers.push_back(HeaderOf(section, address, offset, raw_size));
    offset += raw_size;
    address = AlignUp(address + std::max(raw_size, std::uint64_t{1}), section_alignment);
  }

  file_header.num_sections.Set(static_cast<std::uint16_t>(image_.sections.size() + sections.size()));
  optional_header.size_of_image.Set(static_cast<std::uint32_t>(address));
  optional_header.size_of_initialized_data.Set(static_cast<std::uint32_t>(
      std::min(kMaxImage, optional_header.size_of_initialized_data.value() + (offset - first_offset))));
  optional_header.checksum.Set(0);
  std::vector<std::byte> out;
  out.reserve(offset);
  out = bytes_;
  out.resize(offset);
  const std::uint64_t header = ReadAt<Le32>(bytes_, kPeOffsetField).value();
  const std::uint64_t optional = header + sizeof(PeFileHeader);
  WriteAt(out, header, file_header);
  WriteAt(out, optional, optional_header);
  std::uint64_t table = image_.section_table + image_.sections.size() * sizeof(PeSection);
  for (std::size_t i = 0; i < sections.size(); ++i, table += sizeof(PeSection)) {
    WriteAt(out, table, headers[i]);
    std::copy(sections[i].bytes.begin(), sections[i].bytes.end(),
              out.begin() + static_cast<std::ptrdiff_t>(headers[i].raw_offset.value()));
  }
  optional_header.checksum.Set(ChecksumOf(out));
  WriteAt(out, optional, optional_header);
  return out;
}

}  // namespace holdfast::tool
