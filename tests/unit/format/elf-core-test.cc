// SPDX-License-Identifier: BSD-2-Clause
// Tests of captured memory as an ELF core.

#include "common/format/elf-core.h"

#include <catch2/catch.hpp>

#include <array>
#include <limits>

#include "tests/support/core-files.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::Between;
using test::CheckError;
using test::CoreFile;
using test::CorePiece;
using test::Filled;

using Segments = FixedVector<CoreSegment, 4>;

// The whole file is given, as where all of it was read at once.
Status Decode(const std::vector<std::byte>& file, Segments& out) { return DecodeElfCore(file, file.size(), out); }

std::vector<std::byte> TwoPieces() {
  return CoreFile(std::array{CorePiece{.physical_address = 0x100000, .bytes = Filled(0x1000, 'a')},
                             CorePiece{.physical_address = 0x1000, .bytes = Filled(0x2000, 'b')}});
}

template <typename T>
void Put(std::vector<std::byte>& file, std::size_t offset, const T& value) {
  std::memcpy(std::span(file).subspan(offset, sizeof(T)).data(), &value, sizeof(T));
}

constexpr std::size_t kFirst = sizeof(Elf64Header);
constexpr std::size_t kSecond = kFirst + sizeof(Elf64ProgramHeader);
constexpr std::size_t kHead = kSecond + sizeof(Elf64ProgramHeader);

TEST_CASE("A core's segments come with their places in memory and file", "[format][elf-core]") {
  const auto file = TwoPieces();
  const auto head = ElfCoreHeadSize(std::span(file).first(sizeof(Elf64Header)));
  REQUIRE(head.ok());
  CHECK(head.value() == kHead);
  Segments segments;
  REQUIRE(DecodeElfCore(std::span(file).first(kHead), file.size(), segments).ok());
  REQUIRE(segments.size() == 2);
  CHECK(segments[0] == CoreSegment{Between(0x100000, 0x101000), kHead});
  CHECK(segments[1] == CoreSegment{Between(0x1000, 0x3000), kHead + 0x1000});
}

TEST_CASE("What a core has no bytes of, or no address for, is passed over", "[format][elf-core]") {
  constexpr std::uint32_t kNote = 4;
  const auto file = CoreFile(
      std::array{CorePiece{.physical_address = 0x1000, .bytes = Filled(0x10, 'n'), .type = kNote},
                 CorePiece{.physical_address = std::numeric_limits<std::uint64_t>::max(), .bytes = Filled(0x10, 'v')},
                 CorePiece{.physical_address = 0x5000, .bytes = {}}});
  Segments segments;
  REQUIRE(Decode(file, segments).ok());
  CHECK(segments.empty());
}

TEST_CASE("Memory beyond a segment's bytes in the file is not captured", "[format][elf-core]") {
  auto file = TwoPieces();
  Put(file, kFirst + offsetof(Elf64ProgramHeader, memory_size), Le64(0x5000));
  Segments segments;
  REQUIRE(Decode(file, segments).ok());
  CHECK(segments[0].range == Between(0x100000, 0x101000));
}

TEST_CASE("A header that is no core of 64-bit x86 is refused by its field", "[format][elf-core]") {
  struct Case {
    const char* defect;
    std::size_t offset;
    std::uint16_t value;
    Errc code;
  };
  const Case cases[] = {
      {"magic", offsetof(Elf64Header, magic), 0x5a4d, Errc::kBadMagic},
      {"32 bits", offsetof(Elf64Header, file_class), 0x0101, Errc::kUnsupported},
      {"program", offsetof(Elf64Header, type), kElfTypeExec, Errc::kUnsupported},
      {"ARM", offsetof(Elf64Header, machine), 183, Errc::kUnsupported},
      {"other headers", offsetof(Elf64Header, program_header_size), 32, Errc::kMalformed},
      {"too many headers", offsetof(Elf64Header, num_program_headers), 0xffff, Errc::kUnsupported},
  };
  for (const Case& each : cases) {
    INFO(each.defect);
    auto file = TwoPieces();
    Put(file, each.offset, Le16(each.value));
    Segments segments;
    CheckError(ElfCoreHeadSize(file), each.code, each.offset);
    CheckError(Decode(file, segments), each.code, each.offset);
  }
}

TEST_CASE("A big-endian core is refused", "[format][elf-core]") {
  auto file = TwoPieces();
  Put(file, offsetof(Elf64Header, data), std::byte{2});
  CheckError(ElfCoreHeadSize(file), Errc::kUnsupported, offsetof(Elf64Header, data));
}

TEST_CASE("A core that was cut off says where", "[format][elf-core]") {
  const auto file = TwoPieces();
  Segments segments;
  CheckError(ElfCoreHeadSize(std::span(file).first(63)), Errc::kTruncated, 63);
  CheckError(DecodeElfCore(std::span(file).first(kHead - 1), file.size(), segments), Errc::kTruncated, kHead - 1);
  segments.Clear();
  CheckError(DecodeElfCore(std::span(file).first(kHead), file.size() - 1, segments), Errc::kTruncated, file.size() - 1);
}

TEST_CASE("A segment that cannot be is refused", "[format][elf-core]") {
  Segments segments;
  auto file = TwoPieces();
  SECTION("more bytes in the file than in memory") {
    Put(file, kSecond + offsetof(Elf64ProgramHeader, memory_size), Le64(0x1fff));
    CheckError(Decode(file, segments), Errc::kMalformed, kSecond + offsetof(Elf64ProgramHeader, memory_size));
  }
  SECTION("past the limit of addresses") {
    Put(file, kFirst + offsetof(Elf64ProgramHeader, physical_address), Le64(kPhysLimit - 0xfff));
    CheckError(Decode(file, segments), Errc::kOutOfBounds, kPhysLimit - 0xfff);
  }
  SECTION("an offset that wraps") {
    Put(file, kFirst + offsetof(Elf64ProgramHeader, offset), Le64(std::numeric_limits<std::uint64_t>::max()));
    CheckError(Decode(file, segments), Errc::kTruncated, file.size());
  }
  SECTION("headers whose place wraps") {
    Put(file, offsetof(Elf64Header, program_headers_offset), Le64(std::numeric_limits<std::uint64_t>::max() - 1));
    CheckError(ElfCoreHeadSize(file), Errc::kMalformed, offsetof(Elf64Header, program_headers_offset));
    CheckError(Decode(file, segments), Errc::kTruncated, file.size());
  }
}

TEST_CASE("Program headers that lie in the header take no more than it", "[format][elf-core]") {
  auto file = TwoPieces();
  Put(file, offsetof(Elf64Header, program_headers_offset), Le64(0));
  Put(file, offsetof(Elf64Header, num_program_headers), Le16(1));
  const auto head = ElfCoreHeadSize(file);
  REQUIRE(head.ok());
  CHECK(head.value() == sizeof(Elf64Header));
  Segments segments;
  CHECK(DecodeElfCore(std::span(file).first(sizeof(Elf64Header)), file.size(), segments).ok());
}

TEST_CASE("A fifth segment does not fit into a table of four", "[format][elf-core]") {
  std::vector<CorePiece> pieces(5, CorePiece{.physical_address = 0x1000, .bytes = Filled(1, 'x')});
  Segments segments;
  CheckError(Decode(CoreFile(pieces), segments), Errc::kTableFull, 4);
}

}  // namespace
}  // namespace holdfast
