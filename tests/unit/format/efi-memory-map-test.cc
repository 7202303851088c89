// SPDX-License-Identifier: BSD-2-Clause
// Tests of the stored EFI memory map.

#include "common/format/efi-memory-map.h"

#include <catch2/catch.hpp>

#include <array>
#include <set>
#include <string_view>
#include <vector>

#include "common/abi/efi-memory.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::Between;
using test::CheckError;

EfiMemoryDescriptor Descriptor(std::uint32_t type, std::uint64_t start, std::uint64_t pages,
                               std::uint64_t attribute = 0) {
  return {.type = Le32(type),
          .padding = Le32(0),
          .physical_start = Le64(start),
          .virtual_start = Le64(0),
          .number_of_pages = Le64(pages),
          .attribute = Le64(attribute)};
}

std::vector<std::byte> Stored(const std::vector<EfiMemoryDescriptor>& descriptors, std::size_t stride) {
  std::vector<std::byte> bytes(descriptors.size() * stride, std::byte{0xee});
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    std::memcpy(bytes.data() + i * stride, &descriptors[i], sizeof(descriptors[i]));
  }
  return bytes;
}

EfiInfo Info() {
  return {.loader_signature = Le32(kEfiSignature64),
          .systab = Le32(0),
          .memdesc_size = Le32(48),
          .memdesc_version = Le32(1),
          .memmap = Le32(0x12345000),
          .memmap_size = Le32(480),
          .systab_hi = Le32(0),
          .memmap_hi = Le32(0x1)};
}

TEST_CASE("boot_params says where the EFI map lies", "[format][efi-memory-map]") {
  CHECK(EfiMemoryMapRange(Info()).value() == Between(0x112345000, 0x112345000 + 480));

  EfiInfo low = Info();
  low.loader_signature.Set(kEfiSignature32);
  CHECK(EfiMemoryMapRange(low).value() == Between(0x12345000, 0x12345000 + 480));
}

TEST_CASE("Without EFI there is no map", "[format][efi-memory-map]") {
  EfiInfo info = Info();
  SECTION("no signature") { info.loader_signature.Set(0); }
  SECTION("an unknown signature") { info.loader_signature.Set(0x34364c46); }
  SECTION("no bytes") { info.memmap_size.Set(0); }
  info.memdesc_size.Set(0);
  const auto range = EfiMemoryMapRange(info);
  REQUIRE(range.ok());
  CHECK(range.value().empty());
}

TEST_CASE("A map of another form is malformed", "[format][efi-memory-map]") {
  EfiInfo info = Info();
  SECTION("descriptors as small as can be") {
    info.memdesc_size.Set(40);
    CHECK(EfiMemoryMapRange(info).ok());
  }
  SECTION("descriptors too small") {
    info.memdesc_size.Set(39);
    CheckError(EfiMemoryMapRange(info), Errc::kMalformed, 8);
  }
  SECTION("another version") {
    info.memdesc_version.Set(2);
    CheckError(EfiMemoryMapRange(info), Errc::kMalformed, 12);
  }
  SECTION("past the last address") {
    info.memmap_hi.Set(0x100000);
    CheckError(EfiMemoryMapRange(info), Errc::kOutOfBounds, 0x10000012345000);
  }
}

TEST_CASE("Every descriptor's range but free memory is collected, at any stride", "[format][efi-memory-map]") {
  const auto stride = GENERATE(std::size_t{40}, std::size_t{41}, std::size_t{48});
  std::array<PhysRange, 4> storage;
  RangeSet out(storage);
  const auto bytes = Stored({Descriptor(5, 0x3000, 1), Descriptor(0x80000000, 0x1000, 1), Descriptor(4, 0x9000, 0),
                             Descriptor(7, 0x10000, 8)},
                            stride);
  REQUIRE(CollectEfiRanges(bytes, static_cast<std::uint32_t>(stride), out).ok());
  REQUIRE(out.view().size() == 2);
  CHECK(out.view()[0] == Between(0x1000, 0x2000));
  CHECK(out.view()[1] == Between(0x3000, 0x4000));
}

TEST_CASE("A stored EFI map is held to its rules", "[format][efi-memory-map]") {
  std::array<PhysRange, 1> storage;
  RangeSet out(storage);
  const auto one = Stored({Descriptor(5, 0x1000, 1)}, 40);

  CheckError(CollectEfiRanges(one, 39, out), Errc::kMalformed, 0);
  CheckError(CollectEfiRanges(one, 0, out), Errc::kMalformed, 0);
  CheckError(CollectEfiRanges(std::span(one).first(39), 40, out), Errc::kTruncated, 39);
  CheckError(CollectEfiRanges(one, 41, out), Errc::kTruncated, 40);
  CheckError(CollectEfiRanges(Stored({Descriptor(5, 0x1000, 1), Descriptor(5, 0x4000, 1)}, 40), 40, out),
             Errc::kTableFull, 1);

  // 2^40 pages are all that an address can name.
  out.Clear();
  CHECK(CollectEfiRanges(Stored({Descriptor(5, 0, std::uint64_t{1} << 40)}, 40), 40, out).ok());
  out.Clear();
  CheckError(CollectEfiRanges(Stored({Descriptor(5, 0x1000, std::uint64_t{1} << 40)}, 40), 40, out), Errc::kOutOfBounds,
             0x1000);
  // So many pages that the number of bytes wraps to 4096.
  CheckError(CollectEfiRanges(Stored({Descriptor(5, 0x1000, (std::uint64_t{1} << 52) + 1)}, 40), 40, out),
             Errc::kOutOfBounds, 0x1000);
}

TEST_CASE("EFI types have their e820 equivalents", "[format][efi-memory-map]") {
  struct Case {
    std::uint32_t efi;
    MemType e820;
  };
  const auto c = GENERATE(
      Case{0, MemType::kReserved}, Case{1, MemType::kUsable}, Case{2, MemType::kUsable}, Case{3, MemType::kUsable},
      Case{4, MemType::kUsable}, Case{5, MemType::kReserved}, Case{6, MemType::kReserved}, Case{7, MemType::kUsable},
      Case{8, MemType::kUnusable}, Case{9, MemType::kAcpi}, Case{10, MemType::kNvs}, Case{11, MemType::kReserved},
      Case{12, MemType::kReserved}, Case{13, MemType::kReserved}, Case{14, MemType::kPmem},
      Case{15, MemType::kReserved}, Case{16, MemType::kReserved}, Case{0x80000001, MemType::kReserved});
  INFO(c.efi);
  std::array<MemEntry, 2> storage;
  MemoryMap out(storage);
  REQUIRE(DecodeEfiMemoryMap(Stored({Descriptor(c.efi, 0x1000, 1)}, 48), 48, out).ok());
  REQUIRE(out.size() == 1);
  CHECK(out.view()[0] == MemEntry{Between(0x1000, 0x2000), c.e820});
}

TEST_CASE("Memory for a specific purpose is soft-reserved", "[format][efi-memory-map]") {
  std::array<MemEntry, 2> storage;
  MemoryMap out(storage);
  REQUIRE(DecodeEfiMemoryMap(Stored({Descriptor(7, 0x1000, 1, 0x40000)}, 48), 48, out).ok());
  CHECK(out.view()[0].type == MemType::kSoftReserved);
}

TEST_CASE("Firmware's own memory is listed in order, its neighbours of one type joined", "[format][efi-memory-map]") {
  const auto stride = GENERATE(std::size_t{40}, std::size_t{48});
  std::array<FirmwareRange, 7> storage;
  BoundedVector<FirmwareRange> out(storage);
  REQUIRE(out.Append({}).ok());  // It is filled anew.
  const auto bytes = Stored(
      {Descriptor(4, 0x9000, 1), Descriptor(7, 0x1000, 2), Descriptor(4, 0x3000, 1), Descriptor(4, 0x4000, 2),
       Descriptor(3, 0x6000, 1), Descriptor(4, 0x5000, 0), Descriptor(0x80000042, 0x8000, 1), Descriptor(7, 0, 1)},
      stride);
  REQUIRE(CollectFirmwareRanges(bytes, static_cast<std::uint32_t>(stride), out).ok());
  REQUIRE(out.size() == 4);
  CHECK(out[0].range == Between(0x3000, 0x6000));
  CHECK(out[0].type == EfiMemoryType::kBootServicesData);
  CHECK(out[1].range == Between(0x6000, 0x7000));
  CHECK(out[1].type == EfiMemoryType::kBootServicesCode);
  CHECK(out[2].range == Between(0x8000, 0x9000));
  CHECK(out[2].type == EfiMemoryType{0x80000042});
  CHECK(out[3].range == Between(0x9000, 0xa000));
  CHECK(out[3].type == EfiMemoryType::kBootServicesData);
}

TEST_CASE("Firmware's map is refused where its descriptors overlap, or are too many", "[format][efi-memory-map]") {
  std::array<FirmwareRange, 2> storage;
  BoundedVector<FirmwareRange> out(storage);
  const auto collect = [&out](const std::vector<EfiMemoryDescriptor>& descriptors) {
    return CollectFirmwareRanges(Stored(descriptors, 48), 48, out);
  };
  CheckError(collect({Descriptor(4, 0x2000, 1), Descriptor(7, 0x1000, 2)}), Errc::kKeptOverlap, 0x2000);
  CheckError(collect({Descriptor(7, 0x1000, 2), Descriptor(7, 0x1000, 1)}), Errc::kKeptOverlap, 0x1000);
  CheckError(collect({Descriptor(7, 0x1000, 1), Descriptor(7, 0x2000, 1), Descriptor(4, 0x3000, 1)}), Errc::kTableFull,
             2);
  CheckError(collect({Descriptor(4, 0x1000, std::uint64_t{1} << 40)}), Errc::kOutOfBounds, 0x1000);
  CheckError(CollectFirmwareRanges(Stored({Descriptor(4, 0x1000, 1)}, 40), 39, out), Errc::kMalformed, 0);
  CheckError(CollectFirmwareRanges(Stored({Descriptor(4, 0x1000, 1)}, 40), 41, out), Errc::kTruncated, 40);
  CHECK(collect({}).ok());
  CHECK(out.empty());
}

TEST_CASE("Each type of firmware's memory has its own name", "[format][efi-memory-map]") {
  std::set<std::string_view> names;
  for (std::uint32_t type = 0; type <= 16; ++type) {
    names.insert(EfiMemoryTypeName(EfiMemoryType{type}));
  }
  CHECK(names.size() == 17);
  CHECK(EfiMemoryTypeName(EfiMemoryType::kReserved) == "reserved memory");
  CHECK(EfiMemoryTypeName(EfiMemoryType::kBootServicesData) == "boot services data");
  CHECK(EfiMemoryTypeName(EfiMemoryType::kRuntimeServicesCode) == "runtime services code");
  CHECK(EfiMemoryTypeName(EfiMemoryType{16}) == "foreign memory");
  CHECK(EfiMemoryTypeName(EfiMemoryType{0x80000042}) == "foreign memory");
}

TEST_CASE("A map says whether it has virtual addresses and free memory", "[format][efi-memory-map]") {
  struct Case {
    std::uint32_t type;
    std::uint64_t virtual_start;
    std::uint64_t pages;
    bool has_virtual;
    bool has_conventional;
  };
  const auto c =
      GENERATE(Case{5, 0, 1, false, false}, Case{5, 0xfffffffeff800000, 1, true, false}, Case{7, 0, 1, false, true},
               Case{7, 1, 1, true, true}, Case{7, 1, 0, false, false}, Case{0x80000007, 0, 1, false, false});
  const auto place = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2});
  CAPTURE(c.type, c.virtual_start, c.pages, place);
  std::vector<EfiMemoryDescriptor> descriptors(3, Descriptor(6, 0x1000, 1));
  descriptors[place] = Descriptor(c.type, 0x8000, c.pages);
  descriptors[place].virtual_start.Set(c.virtual_start);
  const auto facts = DescribeEfiMap(Stored(descriptors, 48), 48);
  REQUIRE(facts.ok());
  CHECK(facts.value().has_virtual == c.has_virtual);
  CHECK(facts.value().has_conventional == c.has_conventional);
}

TEST_CASE("An empty map has neither, and a broken one is refused", "[format][efi-memory-map]") {
  const auto facts = DescribeEfiMap({}, 48);
  REQUIRE(facts.ok());
  CHECK_FALSE(facts.value().has_virtual);
  CHECK_FALSE(facts.value().has_conventional);

  const auto one = Stored({Descriptor(7, 0x1000, 1)}, 40);
  CheckError(DescribeEfiMap(one, 39), Errc::kMalformed, 0);
  CheckError(DescribeEfiMap(one, 41), Errc::kTruncated, 40);
  CheckError(DescribeEfiMap(Stored({Descriptor(7, kPhysLimit, 1)}, 40), 40), Errc::kOutOfBounds, kPhysLimit);
}

}  // namespace
}  // namespace holdfast
