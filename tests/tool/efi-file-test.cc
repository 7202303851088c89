// SPDX-License-Identifier: BSD-2-Clause
// Sections put into the application.

#include "tools/mkhandover/efi-file.h"

#include <catch2/catch.hpp>

#include "tests/tool/fake-efi.h"
#include "tools/mkhandover/failure.h"

namespace holdfast::tool {
namespace {

using Bytes = std::vector<std::byte>;

const Bytes kText(5, std::byte{'t'});
const Bytes kKernel(0x2345, std::byte{'k'});
const std::vector<NewSection> kTwo = {{.name = ".cmdline", .bytes = kText}, {.name = ".linux", .bytes = kKernel}};

std::string MessageOf(Bytes bytes, std::span<const NewSection> sections, ExitCode code = ExitCode::kBadInput) {
  try {
    EfiFile(std::move(bytes), "app").WithSections(sections);
  } catch (const Failure& failure) {
    CHECK(failure.code() == code);
    return failure.what();
  }
  return "no failure";
}

TEST_CASE("Sections come behind the others, aligned in the file and in memory", "[tool][efi-file]") {
  const Bytes before = FakeEfi();
  const Bytes after = EfiFile(before, "app").WithSections(kTwo);
  const EfiFile file(after, "result");
  const PeImage& image = file.image();
  REQUIRE(image.sections.size() == 4);
  const PeSection& cmdline = image.sections[2];
  const PeSection& kernel = image.sections[3];
  CHECK(SectionName(cmdline) == ".cmdline");  // eight bytes, without a NUL
  CHECK(cmdline.virtual_address.value() == 0x3000);
  CHECK(cmdline.virtual_size.value() == 5);
  CHECK(cmdline.raw_offset.value() == 0xa00);
  CHECK(cmdline.raw_size.value() == 0x200);
  CHECK(cmdline.characteristics.value() == kPeSectionData);
  CHECK(SectionName(kernel) == ".linux");
  CHECK(kernel.virtual_address.value() == 0x4000);
  CHECK(kernel.virtual_size.value() == 0x2345);
  CHECK(kernel.raw_offset.value() == 0xc00);
  CHECK(kernel.raw_size.value() == 0x2400);
  CHECK(after.size() == 0x3000);  // nothing behind the last section, which a signature would miss
  CHECK(image.optional_header.size_of_image.value() == 0x7000);
  CHECK(image.optional_header.size_of_initialized_data.value() == 0x400 + 0x200 + 0x2400);
  CHECK(image.file_header.characteristics.value() == 0x206);
  const auto found = image.Find(".linux");
  REQUIRE(found);
  CHECK(Bytes(found->begin(), found->end()) == kKernel);
  // What was there is as it was.
  CHECK(std::equal(before.begin() + kFakeHeaders, before.end(), after.begin() + kFakeHeaders));
  CHECK(std::equal(before.begin() + kFakeTable, before.begin() + kFakeTable + 2 * sizeof(PeSection),
                   after.begin() + kFakeTable));
}

TEST_CASE("The checksum is that of the whole file", "[tool][efi-file]") {
  Bytes after = EfiFile(FakeEfi(), "app").WithSections(kTwo);
  constexpr std::size_t kWhere = kFakeOptional + offsetof(PeOptionalHeader, checksum);
  const std::uint32_t said = test::Get<Le32>(after, kWhere).value();
  test::Put(after, kWhere, Le32(0));
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < after.size(); i += 2) {
    sum += test::Get<Le16>(after, i).value();
    sum = (sum & 0xffff) + (sum >> 16);
  }
  CHECK(said == sum + after.size());
}

TEST_CASE("The same sections make the same bytes", "[tool][efi-file]") {
  CHECK(EfiFile(FakeEfi(), "a").WithSections(kTwo) == EfiFile(FakeEfi(), "b").WithSections(kTwo));
}

TEST_CASE("A section is put neither where one is, nor under a signature", "[tool][efi-file]") {
  const Bytes after = EfiFile(FakeEfi(), "app").WithSections(kTwo);
  CHECK(MessageOf(after, kTwo) == "app: has a section .cmdline already: give the application without one");
  Bytes is_signed = FakeEfi();
  PeDirectory certificates{};
  certificates.address.Set(static_cast<std::uint32_t>(is_signed.size()));
  certificates.size.Set(0x200);
  test::Put(is_signed, kFakeDirectories + kPeSecurityDirectory * sizeof(PeDirectory), certificates);
  is_signed.resize(is_signed.size() + 0x200);
  CHECK(MessageOf(is_signed, kTwo) == "app: is signed, which a section would break: sign the result");
}

TEST_CASE("Headers have to fit behind the table", "[tool][efi-file]") {
  constexpr std::size_t kRoom = (kFakeHeaders - kFakeTable) / sizeof(PeSection) - 2;
  const std::vector<std::string> names = {".a", ".b", ".c", ".d", ".e", ".f", ".g", ".h", ".i",
                                          ".j", ".k", ".l", ".m", ".n", ".o", ".p", ".q"};
  REQUIRE(kRoom < names.size());
  std::vector<NewSection> sections;
  for (std::size_t i = 0; i < kRoom; ++i) {
    sections.push_back({.name = names[i], .bytes = kText});
  }
  CHECK(MessageOf(FakeEfi(), sections) == "no failure");
  sections.push_back({.name = names[kRoom], .bytes = kText});
  CHECK(MessageOf(FakeEfi(), sections, ExitCode::kTableFull) ==
        "app: table-full: room for " + std::to_string(kRoom) + " section headers behind its table, " +
            std::to_string(kRoom + 1) + " needed: link it with more");
  // Bytes of somebody else there are no room.
  Bytes used = FakeEfi();
  used[kFakeTable + 3 * sizeof(PeSection) + 1] = std::byte{1};
  CHECK(MessageOf(used, kTwo, ExitCode::kTableFull) ==
        "app: table-full: room for 1 section headers behind its table, 2 needed: link it with more");
}

TEST_CASE("What is no application is refused", "[tool][efi-file]") {
  CHECK(MessageOf(Bytes(1000), kTwo) == "app: no EFI application: bad-magic: wrong magic at byte 0");
}

}  // namespace
}  // namespace holdfast::tool
