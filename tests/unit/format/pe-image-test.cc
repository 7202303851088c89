// SPDX-License-Identifier: BSD-2-Clause
// Tests of the PE decoder.

#include "common/format/pe-image.h"

#include <catch2/catch.hpp>

#include <string>

#include "tests/support/pe-files.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::ByteVector;
using test::CheckError;
using test::Filled;
using test::Put;
using test::SmallPe;
using test::TestPe;

Status Decode(std::span<const std::byte> bytes, PeForm form = PeForm::kFile) {
  PeImage out;
  return DecodePeImage(bytes, form, out);
}

template <typename T>
void CheckChanged(ByteVector bytes, std::size_t at, T value, Errc code, std::uint64_t where,
                  PeForm form = PeForm::kFile) {
  Put(bytes, at, value);
  CheckError(Decode(bytes, form), code, where);
}

constexpr std::size_t FileAt(std::size_t field) { return TestPe::kFileHeader + field; }
constexpr std::size_t OptionalAt(std::size_t field) { return TestPe::kOptionalHeader + field; }

bool Holds(const PeImage& image, std::string_view name, const ByteVector& bytes) {
  const auto found = image.Find(name);
  return found && std::equal(found->begin(), found->end(), bytes.begin(), bytes.end());
}

TEST_CASE("A section is found by its name in a file and in a loaded image", "[format][pe-image]") {
  const TestPe pe = SmallPe();
  const ByteVector file = pe.Build();
  const ByteVector loaded = pe.Load();
  for (const auto& [bytes, form] : {std::pair(&file, PeForm::kFile), std::pair(&loaded, PeForm::kLoaded)}) {
    PeImage image;
    REQUIRE(DecodePeImage(*bytes, form, image).ok());
    CHECK(image.sections.size() == 3);
    CHECK(image.section_table == pe.table());
    CHECK_FALSE(image.is_signed);
    for (const auto& section : pe.sections) {
      INFO(section.name);
      CHECK(Holds(image, section.name, section.bytes));
    }
    CHECK_FALSE(image.Find(".linux").has_value());
    CHECK(image.BytesOf(".linux").empty());
    CHECK_FALSE(image.Find(".cmd").has_value());
    CHECK_FALSE(image.Find(".cmdline2").has_value());
  }
}

TEST_CASE("What pads a section in the file is none of it", "[format][pe-image]") {
  TestPe pe = SmallPe();
  pe.sections.push_back({.name = ".initrd", .bytes = Filled(0x400, 7), .virtual_size = 0x3fd, .virtual_address = 0});
  PeImage image;
  const ByteVector file = pe.Build();
  REQUIRE(DecodePeImage(file, PeForm::kFile, image).ok());
  CHECK(Holds(image, ".initrd", Filled(0x3fd, 7)));
  const ByteVector loaded = pe.Load();
  REQUIRE(DecodePeImage(loaded, PeForm::kLoaded, image).ok());
  CHECK(Holds(image, ".initrd", Filled(0x3fd, 7)));
}

TEST_CASE("What a section has in memory alone is not found", "[format][pe-image]") {
  TestPe pe = SmallPe();
  pe.sections.push_back({.name = ".data", .bytes = Filled(0x200, 7), .virtual_size = 0x5000, .virtual_address = 0});
  pe.sections.push_back({.name = ".bss", .bytes = {}, .virtual_size = 0x5000, .virtual_address = 0});
  PeImage image;
  const ByteVector loaded = pe.Load();
  REQUIRE(DecodePeImage(loaded, PeForm::kLoaded, image).ok());
  CHECK(Holds(image, ".data", Filled(0x200, 7)));
  CHECK(Holds(image, ".bss", {}));
}

TEST_CASE("Of two sections with one name the first is found", "[format][pe-image]") {
  TestPe pe = SmallPe();
  pe.sections.push_back({.name = ".dtb", .bytes = Filled(3, 1), .virtual_size = 0, .virtual_address = 0});
  PeImage image;
  const ByteVector file = pe.Build();
  REQUIRE(DecodePeImage(file, PeForm::kFile, image).ok());
  CHECK(Holds(image, ".dtb", pe.sections[2].bytes));
}

TEST_CASE("A name may take all eight characters", "[format][pe-image]") {
  TestPe pe = SmallPe();
  pe.sections[0].name = ".12345678";  // the last one is cut off
  PeImage image;
  const ByteVector file = pe.Build();
  REQUIRE(DecodePeImage(file, PeForm::kFile, image).ok());
  CHECK(image.Find(".1234567").has_value());
  CHECK_FALSE(image.Find(".12345678").has_value());
}

TEST_CASE("An image with a certificate table is signed", "[format][pe-image]") {
  TestPe pe = SmallPe();
  pe.signature = Filled(0x600, 0x30);
  PeImage image;
  const ByteVector file = pe.Build();
  REQUIRE(DecodePeImage(file, PeForm::kFile, image).ok());
  CHECK(image.is_signed);
  CheckError(Decode(std::span(file).first(file.size() - 1)), Errc::kTruncated, file.size() - 1);
  // Firmware does not load it.
  const ByteVector loaded = pe.Load();
  REQUIRE(DecodePeImage(loaded, PeForm::kLoaded, image).ok());
  CHECK(image.is_signed);

  pe.signature.clear();
  pe.num_directories = 4;  // without an entry for one
  const ByteVector unsigned_file = pe.Build();
  REQUIRE(DecodePeImage(unsigned_file, PeForm::kFile, image).ok());
  CHECK_FALSE(image.is_signed);
}

TEST_CASE("A PE image that was cut off anywhere is truncated", "[format][pe-image]") {
  const ByteVector file = SmallPe().Build();
  for (std::size_t size = 0; size < file.size(); ++size) {
    const Status status = Decode(std::span(file).first(size));
    REQUIRE_FALSE(status.ok());
    REQUIRE(status.error() == Error{Errc::kTruncated, size});
  }
  const ByteVector loaded = SmallPe().Load();
  for (std::size_t size = 0; size < loaded.size(); ++size) {
    const Status status = Decode(std::span(loaded).first(size), PeForm::kLoaded);
    REQUIRE_FALSE(status.ok());
    REQUIRE(status.error() == Error{Errc::kTruncated, size});
  }
}

TEST_CASE("What is no PE image of this machine is refused", "[format][pe-image]") {
  const ByteVector file = SmallPe().Build();
  CheckChanged(file, 0, Le16(0x5a4e), Errc::kBadMagic, 0);
  CheckChanged(file, TestPe::kFileHeader, Le32(0x4551), Errc::kBadMagic, TestPe::kFileHeader);
  CheckChanged(file, TestPe::kOptionalHeader, Le16(0x10b), Errc::kBadMagic, TestPe::kOptionalHeader);
  CheckChanged(file, FileAt(offsetof(PeFileHeader, machine)), Le16(0xaa64), Errc::kUnsupported, 0xaa64);
  CheckChanged(file, kPeOffsetField, Le32(0xffffffff), Errc::kTruncated, file.size());
}

TEST_CASE("Headers that cannot be are refused", "[format][pe-image]") {
  const TestPe pe = SmallPe();
  const ByteVector file = pe.Build();
  const auto check = [&file](std::size_t at, auto value) { CheckChanged(file, at, value, Errc::kMalformed, at); };
  check(FileAt(offsetof(PeFileHeader, optional_size)), Le16(sizeof(PeOptionalHeader) - 1));
  check(OptionalAt(offsetof(PeOptionalHeader, num_directories)), Le32(7));
  check(OptionalAt(offsetof(PeOptionalHeader, num_directories)), Le32(0xffffffff));
  check(OptionalAt(offsetof(PeOptionalHeader, section_alignment)), Le32(0));
  check(OptionalAt(offsetof(PeOptionalHeader, section_alignment)), Le32(0x1001));
  check(OptionalAt(offsetof(PeOptionalHeader, file_alignment)), Le32(0));
  check(OptionalAt(offsetof(PeOptionalHeader, file_alignment)), Le32(0x300));
  check(OptionalAt(offsetof(PeOptionalHeader, file_alignment)), Le32(0x2000));
  const auto table_end = static_cast<std::uint32_t>(pe.SectionAt(3, 0));
  check(OptionalAt(offsetof(PeOptionalHeader, size_of_headers)), Le32(table_end - 1));
  check(OptionalAt(offsetof(PeOptionalHeader, size_of_image)), Le32(pe.headers - 1));

  ByteVector tight = file;
  Put(tight, OptionalAt(offsetof(PeOptionalHeader, size_of_headers)), Le32(table_end));
  CHECK(Decode(tight).ok());
}

TEST_CASE("Sections that cannot be are refused", "[format][pe-image]") {
  const TestPe pe = SmallPe();
  const ByteVector file = pe.Build();
  const auto check = [&](std::size_t index, std::size_t field, std::uint32_t value) {
    INFO(index << " " << field << " " << value);
    const std::size_t at = pe.SectionAt(index, field);
    CheckChanged(file, at, Le32(value), Errc::kMalformed, at);
  };
  constexpr std::size_t kAddress = offsetof(PeSection, virtual_address);
  constexpr std::size_t kSize = offsetof(PeSection, virtual_size);
  check(0, kAddress, 0);       // on the headers
  check(1, kAddress, 0x1000);  // on the first one
  check(1, kAddress, 0x2000);  // on its second page
  check(2, kSize, 0x1001);
  check(2, kSize, 0xffffffff);
  // Where the image ends, and a sum that wraps 32 bits.
  CheckChanged(file, pe.SectionAt(2, kAddress), Le32(0x5000), Errc::kMalformed, pe.SectionAt(2, kSize));
  CheckChanged(file, pe.SectionAt(2, kAddress), Le32(0xfffff000), Errc::kMalformed, pe.SectionAt(2, kSize));
  // The second one is found to be under the third then.
  CheckChanged(file, pe.SectionAt(1, kSize), Le32(0x1001), Errc::kMalformed, pe.SectionAt(2, kAddress));
  CheckChanged(file, pe.SectionAt(2, offsetof(PeSection, raw_offset)), Le32(0xffffffff), Errc::kTruncated, file.size());
  CheckChanged(file, pe.SectionAt(2, offsetof(PeSection, raw_size)), Le32(0xffffffff), Errc::kTruncated, file.size());
}

TEST_CASE("A section may begin between two multiples of the alignment", "[format][pe-image]") {
  TestPe pe = SmallPe();
  pe.sections[1].virtual_address = 0x2235;  // right behind the first one
  const ByteVector loaded = pe.Load();
  PeImage image;
  REQUIRE(DecodePeImage(loaded, PeForm::kLoaded, image).ok());
  CHECK(Holds(image, ".cmdline", pe.sections[1].bytes));
}

TEST_CASE("A section that is nowhere in memory may stand anywhere", "[format][pe-image]") {
  TestPe pe = SmallPe();
  ByteVector file = pe.Build();
  Put(file, pe.SectionAt(1, offsetof(PeSection, virtual_size)), Le32(0));
  Put(file, pe.SectionAt(1, offsetof(PeSection, virtual_address)), Le32(0));
  PeImage image;
  REQUIRE(DecodePeImage(file, PeForm::kFile, image).ok());
  CHECK(Holds(image, ".cmdline", {}));
}

TEST_CASE("An image has at most 32 sections", "[format][pe-image]") {
  TestPe pe;
  pe.headers = 0x1000;
  for (std::size_t i = 0; i < kMaxPeSections; ++i) {
    pe.sections.push_back(
        {.name = "." + std::to_string(i), .bytes = Filled(1, 0), .virtual_size = 0, .virtual_address = 0});
  }
  CHECK(Decode(pe.Build()).ok());
  pe.sections.push_back({.name = ".more", .bytes = Filled(1, 0), .virtual_size = 0, .virtual_address = 0});
  CheckError(Decode(pe.Build()), Errc::kTableFull, kMaxPeSections);
}

TEST_CASE("An image that is decoded again forgets the one before", "[format][pe-image]") {
  TestPe pe = SmallPe();
  pe.signature = Filled(8, 1);
  const ByteVector first = pe.Build();
  pe.signature.clear();
  pe.sections.pop_back();
  const ByteVector second = pe.Build();
  PeImage image;
  REQUIRE(DecodePeImage(first, PeForm::kFile, image).ok());
  REQUIRE(DecodePeImage(second, PeForm::kFile, image).ok());
  CHECK(image.sections.size() == 2);
  CHECK_FALSE(image.is_signed);
}

}  // namespace
}  // namespace holdfast
