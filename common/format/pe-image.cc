// SPDX-License-Identifier: BSD-2-Clause
// The sections of a PE image.

#include "common/format/pe-image.h"

#include <algorithm>
#include <cstring>

#include "common/base/align.h"
#include "common/base/byte-reader.h"

namespace holdfast {
namespace {

std::string_view NameOf(const PeSection& section) {
  const std::string_view name(section.name.data(), section.name.size());
  return {name.data(), std::min(name.find('\0'), name.size())};
}

// What of a section is there both in the file and in memory.
std::uint32_t SizeOf(const PeSection& section) {
  return std::min(section.virtual_size.value(), section.raw_size.value());
}

bool MeetInMemory(const PeSection& a, const PeSection& b) {
  const std::uint64_t a_start = a.virtual_address.value();
  const std::uint64_t b_start = b.virtual_address.value();
  return a_start < b_start + b.virtual_size.value() && b_start < a_start + a.virtual_size.value();
}

class Decoder {
 public:
  Decoder(std::span<const std::byte> bytes, PeForm form, PeImage& out) : bytes_(bytes), form_(form), out_(out) {}

  Status Decode() {
    out_.bytes = bytes_;
    out_.form = form_;
    out_.is_signed = false;
    out_.sections.Clear();
    ByteReader reader(bytes_);
    TRY(ReadFileHeader(reader));
    TRY(ReadOptionalHeader(reader));
    TRY(ReadSignature(reader));
    return ReadSections();
  }

 private:
  Status ReadFileHeader(ByteReader& reader) {
    TRY_ASSIGN(const Le16 dos_magic, reader.Read<Le16>());
    if (dos_magic.value() != kDosMagic) {
      return Error{Errc::kBadMagic, 0};
    }
    TRY(reader.Seek(kPeOffsetField));
    TRY_ASSIGN(const Le32 header_offset, reader.Read<Le32>());
    TRY(reader.Seek(header_offset.value()));
    file_header_ = reader.position();
    TRY_ASSIGN(out_.file_header, reader.Read<PeFileHeader>());
    if (out_.file_header.magic.value() != kPeMagic) {
      return Error{Errc::kBadMagic, file_header_};
    }
    if (out_.file_header.machine.value() != kPeMachineX64) {
      return Error{Errc::kUnsupported, out_.file_header.machine.value()};
    }
    return kDone;
  }

  Status ReadOptionalHeader(ByteReader& reader) {
    optional_header_ = reader.position();
    const std::uint16_t size = out_.file_header.optional_size.value();
    if (size < sizeof(PeOptionalHeader)) {
      return Error{Errc::kMalformed, file_header_ + offsetof(PeFileHeader, optional_size)};
    }
    TRY_ASSIGN(const auto stored, reader.Take(sizeof(PeOptionalHeader)));
    std::memcpy(&out_.optional_header, stored.data(), stored.size());
    const PeOptionalHeader& header = out_.optional_header;
    if (header.magic.value() != kPe32PlusMagic) {
      return Error{Errc::kBadMagic, optional_header_};
    }
    if (header.num_directories.value() > (size - sizeof(PeOptionalHeader)) / sizeof(PeDirectory)) {
      return Error{Errc::kMalformed, optional_header_ + offsetof(PeOptionalHeader, num_directories)};
    }
    if (!IsPowerOfTwo(header.section_alignment.value())) {
      return Error{Errc::kMalformed, optional_header_ + offsetof(PeOptionalHeader, section_alignment)};
    }
    if (!IsPowerOfTwo(header.file_alignment.value()) ||
        header.file_alignment.value() > header.section_alignment.value()) {
      return Error{Errc::kMalformed, optional_header_ + offsetof(PeOptionalHeader, file_alignment)};
    }
    out_.section_table = optional_header_ + size;
    return CheckExtent();
  }

  // The headers lead to everything else, and are loaded with it.
  Status CheckExtent() const {
    const PeOptionalHeader& header = out_.optional_header;
    const std::uint64_t headers = header.size_of_headers.value();
    const std::uint64_t image = header.size_of_image.value();
    const std::uint64_t table_end =
        out_.section_table + std::uint64_t{out_.file_header.num_sections.value()} * sizeof(PeSection);
    if (headers < table_end) {
      return Error{Errc::kMalformed, optional_header_ + offsetof(PeOptionalHeader, size_of_headers)};
    }
    if (image < headers) {
      return Error{Errc::kMalformed, optional_header_ + offsetof(PeOptionalHeader, size_of_image)};
    }
    if ((form_ == PeForm::kLoaded ? image : headers) > bytes_.size()) {
      return Error{Errc::kTruncated, bytes_.size()};
    }
    return kDone;
  }

  // A certificate table is never loaded: its address is an offset in the file.
  Status ReadSignature(ByteReader& reader) {
    if (out_.optional_header.num_directories.value() <= kPeSecurityDirectory) {
      return kDone;
    }
    TRY(reader.Seek(reader.position() + kPeSecurityDirectory * sizeof(PeDirectory)));
    TRY_ASSIGN(const PeDirectory signature, reader.Read<PeDirectory>());
    const std::uint64_t end = std::uint64_t{signature.address.value()} + signature.size.value();
    out_.is_signed = signature.size.value() != 0;
    if (out_.is_signed && form_ == PeForm::kFile && end > bytes_.size()) {
      return Error{Errc::kTruncated, bytes_.size()};
    }
    return kDone;
  }

  Status ReadSections() {
    if (out_.file_header.num_sections.value() > kMaxPeSections) {
      return Error{Errc::kTableFull, kMaxPeSections};
    }
    ByteReader reader(bytes_);
    TRY(reader.Seek(out_.section_table));
    for (std::size_t i = 0; i < out_.file_header.num_sections.value(); ++i) {
      const std::uint64_t at = reader.position();
      TRY_ASSIGN(const PeSection section, reader.Read<PeSection>());
      TRY(CheckSection(section, at));
      TRY(out_.sections.Append(section));
    }
    return kDone;
  }

  // `at`: where it stands in the table.
  Status CheckSection(const PeSection& section, std::uint64_t at) const {
    const std::uint64_t raw_end = std::uint64_t{section.raw_offset.value()} + section.raw_size.value();
    if (form_ == PeForm::kFile && section.raw_size.value() != 0 && raw_end > bytes_.size()) {
      return Error{Errc::kTruncated, bytes_.size()};
    }
    if (section.virtual_size.value() == 0) {
      return kDone;
    }
    const PeOptionalHeader& header = out_.optional_header;
    const std::uint64_t start = section.virtual_address.value();
    // Not every section begins at a multiple of the alignment: those of systemd's stub do not, and firmware loads it.
    if (start < header.size_of_headers.value()) {
      return Error{Errc::kMalformed, at + offsetof(PeSection, virtual_address)};
    }
    if (start + section.virtual_size.value() > header.size_of_image.value()) {
      return Error{Errc::kMalformed, at + offsetof(PeSection, virtual_size)};
    }
    for (const PeSection& known : out_.sections) {
      if (known.virtual_size.value() != 0 && MeetInMemory(known, section)) {
        return Error{Errc::kMalformed, at + offsetof(PeSection, virtual_address)};
      }
    }
    return kDone;
  }

  std::span<const std::byte> bytes_;
  PeForm form_;
  PeImage& out_;
  std::size_t file_header_ = 0;
  std::size_t optional_header_ = 0;
};

}  // namespace

std::optional<std::span<const std::byte>> PeImage::Find(std::string_view name) const {
  for (const PeSection& section : sections) {
    if (NameOf(section) == name) {
      const std::uint32_t start = form == PeForm::kFile ? section.raw_offset.value() : section.virtual_address.value();
      const std::uint32_t size = SizeOf(section);
      return size == 0 ? std::span<const std::byte>() : bytes.subspan(start, size);
    }
  }
  return std::nullopt;
}

Status DecodePeImage(std::span<const std::byte> bytes, PeForm form, PeImage& out) {
  return Decoder(bytes, form, out).Decode();
}

}  // namespace holdfast
