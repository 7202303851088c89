// SPDX-License-Identifier: BSD-2-Clause
// Tests of the unpacked kernel: its decoder, and the image that it becomes.

#include "common/format/vmlinux.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>

#include "tests/support/kernel-files.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::ByteVector;
using test::CheckError;
using test::Filled;
using test::Get;
using test::kTestLoadAddress;
using test::Put;
using test::SmallVmlinux;
using test::TestVmlinux;

constexpr std::uint64_t kImageSize = 4 * kMiB;

Status Decode(std::span<const std::byte> unpacked) {
  Vmlinux out;
  return DecodeVmlinux(unpacked, kTestLoadAddress, out);
}

// Where a field of the program header lies.
constexpr std::size_t SegmentAt(std::size_t index, std::size_t field) {
  return sizeof(Elf64Header) + index * sizeof(Elf64ProgramHeader) + field;
}

std::size_t ElfSize(const TestVmlinux& kernel) {
  TestVmlinux alone = kernel;
  alone.tables.clear();
  return alone.Build().size();
}

// The image in a slot that held something else before, with some bytes behind it that must stay as they are.
ByteVector Load(const TestVmlinux& kernel, std::uint64_t delta) {
  const ByteVector file = kernel.Build();
  Vmlinux decoded;
  REQUIRE(DecodeVmlinux(file, kTestLoadAddress, decoded).ok());
  ByteVector slot = Filled(static_cast<std::size_t>(decoded.image_size) + 16, 0xcc);
  LoadVmlinux(decoded, delta, slot);
  CHECK(std::all_of(slot.end() - 16, slot.end(), [](std::byte b) { return b == std::byte{0xcc}; }));
  slot.resize(static_cast<std::size_t>(decoded.image_size));
  return slot;
}

bool AllAre(const ByteVector& bytes, std::size_t start, std::size_t end, unsigned value) {
  return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(start),
                     bytes.begin() + static_cast<std::ptrdiff_t>(end),
                     [value](std::byte b) { return b == static_cast<std::byte>(value); });
}

TEST_CASE("An unpacked kernel says what goes where", "[format][vmlinux]") {
  const TestVmlinux kernel = SmallVmlinux();
  const ByteVector file = kernel.Build();
  Vmlinux out;
  REQUIRE(DecodeVmlinux(file, kTestLoadAddress, out).ok());
  CHECK(out.elf.data() == file.data());
  CHECK(out.elf.size() == ElfSize(kernel));
  CHECK(out.load_address == kTestLoadAddress);
  CHECK(out.image_size == kImageSize);
  CHECK(out.entry == 0x20);
  REQUIRE(out.segments.size() == 2);
  CHECK(out.segments[0].target == 0);
  CHECK(out.segments[0].offset == SegmentAt(2, 0));
  CHECK(out.segments[0].size == 0x80);
  CHECK(out.segments[1].target == 0x200000);
  CHECK(out.segments[1].offset == SegmentAt(2, 0) + 0x80);
  CHECK(out.segments[1].size == 0x40);
  CHECK(out.relocations.add64.size() == 2 * 4);
  CHECK(out.relocations.subtract32.size() == 1 * 4);
  CHECK(out.relocations.add32.size() == 2 * 4);
  CHECK(out.relocations.add64.data() == file.data() + ElfSize(kernel) + 4);
  CHECK_FALSE(out.relocations.empty());
}

TEST_CASE("Later kernels have two tables", "[format][vmlinux]") {
  TestVmlinux kernel = SmallVmlinux();
  kernel.tables.erase(kernel.tables.begin() + 1);
  const ByteVector file = kernel.Build();
  Vmlinux out;
  REQUIRE(DecodeVmlinux(file, kTestLoadAddress, out).ok());
  CHECK(out.relocations.add64.size() == 2 * 4);
  CHECK(out.relocations.subtract32.empty());
  CHECK(out.relocations.add32.size() == 2 * 4);
}

TEST_CASE("A kernel without tables runs where it was linked", "[format][vmlinux]") {
  TestVmlinux kernel = SmallVmlinux();
  kernel.tables.clear();
  const ByteVector file = kernel.Build();
  Vmlinux out;
  REQUIRE(DecodeVmlinux(file, kTestLoadAddress, out).ok());
  CHECK(out.relocations.empty());
}

TEST_CASE("A table may be empty", "[format][vmlinux]") {
  TestVmlinux kernel = SmallVmlinux();
  kernel.tables[1].clear();
  const ByteVector file = kernel.Build();
  Vmlinux out;
  REQUIRE(DecodeVmlinux(file, kTestLoadAddress, out).ok());
  CHECK(out.relocations.subtract32.empty());
  CHECK(out.relocations.add32.size() == 2 * 4);
  CHECK(out.relocations.add64.size() == 2 * 4);
}

TEST_CASE("A kernel that is decoded again forgets the one before", "[format][vmlinux]") {
  TestVmlinux other = SmallVmlinux();
  other.tables.clear();
  other.segments.pop_back();
  const ByteVector first = SmallVmlinux().Build();
  const ByteVector second = other.Build();
  Vmlinux out;
  REQUIRE(DecodeVmlinux(first, kTestLoadAddress, out).ok());
  REQUIRE(DecodeVmlinux(second, kTestLoadAddress, out).ok());
  CHECK(out.segments.size() == 1);
  CHECK(out.relocations.empty());
  CHECK(out.image_size == 2 * kMiB);
}

TEST_CASE("Segments may stand in any order, and need not have bytes", "[format][vmlinux]") {
  TestVmlinux kernel = SmallVmlinux();
  std::swap(kernel.segments[0], kernel.segments[1]);
  kernel.segments.push_back({.physical_address = kTestLoadAddress + 0x1000, .memory_size = 0x1000, .bytes = {}});
  // Takes no memory, so it overlaps nothing.
  kernel.segments.push_back({.physical_address = kTestLoadAddress, .memory_size = 0, .bytes = {}});
  const ByteVector file = kernel.Build();
  Vmlinux out;
  REQUIRE(DecodeVmlinux(file, kTestLoadAddress, out).ok());
  REQUIRE(out.segments.size() == 3);
  CHECK(out.segments[0].target == 0);
  CHECK(out.segments[0].size == 0x80);
  CHECK(out.segments[1].target == 0x1000);
  CHECK(out.segments[1].size == 0);
  CHECK(out.segments[2].target == 0x200000);
  CHECK(out.image_size == kImageSize);
}

TEST_CASE("Program headers that load nothing are not looked at", "[format][vmlinux]") {
  ByteVector file = SmallVmlinux().Build();
  Put(file, SegmentAt(1, offsetof(Elf64ProgramHeader, type)), Le32(4));  // PT_NOTE
  Put(file, SegmentAt(1, offsetof(Elf64ProgramHeader, physical_address)), Le64(0));
  Vmlinux out;
  // The tables of the small kernel reach into the second segment.
  CheckError(DecodeVmlinux(std::span(file), kTestLoadAddress, out), Errc::kMalformed, file.size() - 2 * 4);
  REQUIRE(DecodeVmlinux(std::span(file).first(ElfSize(SmallVmlinux())), kTestLoadAddress, out).ok());
  CHECK(out.segments.size() == 1);
}

TEST_CASE("An image is as large as its memory, in whole pages of 2 MiB", "[format][vmlinux]") {
  struct Case {
    std::uint64_t memory;
    std::uint64_t size;
  };
  const auto c = GENERATE(Case{0x80, 0x200000}, Case{0x200000, 0x200000}, Case{0x200001, 0x400000});
  INFO(c.memory);
  const TestVmlinux kernel = {
      .entry = kTestLoadAddress,
      .segments = {{.physical_address = kTestLoadAddress, .memory_size = c.memory, .bytes = Filled(0x80, 1)}},
      .tables = {}};
  const ByteVector file = kernel.Build();
  Vmlinux out;
  REQUIRE(DecodeVmlinux(file, kTestLoadAddress, out).ok());
  CHECK(out.image_size == c.size);
}

TEST_CASE("A vmlinux needs no more than its image, at a whole page of the kernel's", "[format][vmlinux]") {
  const KernelFacts bzimage = {.size = 0x3378000, .alignment = 0x1000, .min_address = 0x1000000, .limit = kPhysLimit};
  Vmlinux kernel;
  kernel.load_address = 0x1000000;
  kernel.image_size = 0x3000000;
  const KernelFacts fixed = VmlinuxFacts(bzimage, kernel);
  CHECK(fixed.size == 0x3000000);
  CHECK(fixed.alignment == 0x200000);
  CHECK(fixed.min_address == bzimage.min_address);
  CHECK(fixed.limit == bzimage.limit);
  CHECK(fixed.virtual_end == 0);

  const std::array<std::byte, 4> table{};
  kernel.relocations.add32 = table;
  const KernelFacts movable = VmlinuxFacts(bzimage, kernel);
  CHECK(movable.virtual_min == 0x1000000);
  CHECK(movable.virtual_end == kKernelImageWindow);
  CHECK(VmlinuxFacts({.size = 1, .alignment = 0x1000000}, kernel).alignment == 0x1000000);
}

TEST_CASE("An unpacked kernel that was cut off says so", "[format][vmlinux]") {
  TestVmlinux kernel = SmallVmlinux();
  const ByteVector file = kernel.Build();
  const std::size_t elf_size = ElfSize(kernel);
  for (std::size_t size = 0; size < elf_size; ++size) {
    const Status status = Decode(std::span(file).first(size));
    REQUIRE_FALSE(status.ok());
    REQUIRE(status.error() == Error{Errc::kTruncated, size});
  }
  // In the tables a cut shows in the words, and where it leaves none, as a kernel that is not relocated.
  CHECK(Decode(std::span(file).first(elf_size)).ok());
  for (std::size_t size = elf_size + 1; size < file.size(); ++size) {
    if (size % 4 != elf_size % 4) {
      CheckError(Decode(std::span(file).first(size)), Errc::kMalformed, elf_size);
    }
  }
}

TEST_CASE("Each field of the ELF header is held to its rule", "[format][vmlinux]") {
  struct Case {
    const char* what;
    std::function<void(Elf64Header&)> change;
    Error error;
  };
  const std::vector<Case> cases = {
      {"no ELF file", [](auto& header) { header.magic.Set(0x464c457e); }, {Errc::kBadMagic, 0}},
      {"32 bits", [](auto& header) { header.file_class = std::byte{1}; }, {Errc::kUnsupported, 4}},
      {"big-endian", [](auto& header) { header.data = std::byte{2}; }, {Errc::kUnsupported, 5}},
      {"a later version", [](auto& header) { header.version = std::byte{2}; }, {Errc::kUnsupported, 6}},
      {"a shared object", [](auto& header) { header.type.Set(3); }, {Errc::kUnsupported, 0x10}},
      {"another processor", [](auto& header) { header.machine.Set(183); }, {Errc::kUnsupported, 0x12}},
      {"a longer header", [](auto& header) { header.header_size.Set(65); }, {Errc::kMalformed, 0x34}},
      {"longer program headers", [](auto& header) { header.program_header_size.Set(57); }, {Errc::kMalformed, 0x36}},
      {"nothing to load", [](auto& header) { header.num_program_headers.Set(0); }, {Errc::kMalformed, 0x38}},
      {"longer section headers", [](auto& header) { header.section_header_size.Set(65); }, {Errc::kMalformed, 0x3a}},
      {"no sections", [](auto& header) { header.num_section_headers.Set(0); }, {Errc::kMalformed, 0x3c}},
      {"an entry before the image",
       [](auto& header) { header.entry.Set(kTestLoadAddress - 1); },
       {Errc::kMalformed, 0x18}},
      {"an entry behind the first segment",
       [](auto& header) { header.entry.Set(kTestLoadAddress + 0x80); },
       {Errc::kMalformed, 0x18}},
      {"an entry before the second segment",
       [](auto& header) { header.entry.Set(kTestLoadAddress + 0x1fffff); },
       {Errc::kMalformed, 0x18}},
      {"an entry in .bss",
       [](auto& header) { header.entry.Set(kTestLoadAddress + 0x200040); },
       {Errc::kMalformed, 0x18}},
      {"the highest entry", [](auto& header) { header.entry.Set(0xffffffffffffffff); }, {Errc::kMalformed, 0x18}},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    ByteVector file = SmallVmlinux().Build();
    auto header = Get<Elf64Header>(file, 0);
    c.change(header);
    Put(file, 0, header);
    CheckError(Decode(file), c.error.code, c.error.where);
  }
}

TEST_CASE("The entry may be the last byte of any segment", "[format][vmlinux]") {
  const auto entry = GENERATE(std::uint64_t{0}, std::uint64_t{0x7f}, std::uint64_t{0x200000}, std::uint64_t{0x20003f});
  ByteVector file = SmallVmlinux().Build();
  Put(file, offsetof(Elf64Header, entry), Le64(kTestLoadAddress + entry));
  Vmlinux out;
  REQUIRE(DecodeVmlinux(file, kTestLoadAddress, out).ok());
  CHECK(out.entry == entry);
}

TEST_CASE("Headers that lie beyond the file are truncated", "[format][vmlinux]") {
  ByteVector file = SmallVmlinux().Build();
  const std::size_t size = file.size();
  const std::size_t elf_size = ElfSize(SmallVmlinux());
  SECTION("section headers far off") {
    Put(file, offsetof(Elf64Header, section_headers_offset), Le64(0xffffffffffffffff));
    CheckError(Decode(file), Errc::kTruncated, size);
  }
  SECTION("section headers that go on") {
    Put(file, offsetof(Elf64Header, num_section_headers), Le16(0xffff));
    CheckError(Decode(file), Errc::kTruncated, size);
  }
  SECTION("program headers far off") {
    Put(file, offsetof(Elf64Header, program_headers_offset), Le64(0xffffffffffffffff));
    CheckError(Decode(file), Errc::kTruncated, elf_size);
  }
  SECTION("program headers that go on") {
    Put(file, offsetof(Elf64Header, program_headers_offset), Le64(elf_size - sizeof(Elf64ProgramHeader)));
    CheckError(Decode(file), Errc::kTruncated, elf_size);
  }
}

TEST_CASE("Each field of a segment is held to its rule", "[format][vmlinux]") {
  struct Case {
    const char* what;
    std::function<void(Elf64ProgramHeader&)> change;
    Error error;
  };
  const std::uint64_t elf_size = ElfSize(SmallVmlinux());
  const auto where = [](std::size_t field) { return Error{Errc::kMalformed, SegmentAt(1, field)}; };
  const std::size_t kOffset = offsetof(Elf64ProgramHeader, offset);
  const std::size_t kFileSize = offsetof(Elf64ProgramHeader, file_size);
  const std::size_t kMemorySize = offsetof(Elf64ProgramHeader, memory_size);
  const std::size_t kPhysicalAddress = offsetof(Elf64ProgramHeader, physical_address);
  const std::vector<Case> cases = {
      {"bytes behind the ELF file", [=](auto& segment) { segment.offset.Set(elf_size + 1); }, where(kOffset)},
      {"bytes far off", [](auto& segment) { segment.offset.Set(0xffffffffffffffff); }, where(kOffset)},
      {"bytes that go on into the tables", [=](auto& segment) { segment.offset.Set(elf_size - 0x3f); },
       where(kFileSize)},
      {"more bytes than there are", [](auto& segment) { segment.file_size.Set(0xffffffffffffffff); }, where(kFileSize)},
      {"more bytes than memory", [](auto& segment) { segment.memory_size.Set(0x3f); }, where(kMemorySize)},
      {"before the load address", [](auto& segment) { segment.physical_address.Set(kTestLoadAddress - 1); },
       where(kPhysicalAddress)},
      {"over the end of another", [](auto& segment) { segment.physical_address.Set(kTestLoadAddress + 0x7f); },
       where(kPhysicalAddress)},
      {"over all of another", [](auto& segment) { segment.physical_address.Set(kTestLoadAddress); },
       where(kPhysicalAddress)},
      {"an end above 1 GiB",
       [](auto& segment) { segment.memory_size.Set(kGiB - 0x200000 + 1); },
       {Errc::kTooLarge, kGiB}},
      {"an end above 1 GiB with the load address",
       [](auto& segment) { segment.memory_size.Set(kGiB - kTestLoadAddress - 0x200000 + 1); },
       {Errc::kTooLarge, kGiB}},
      {"memory without end",
       [](auto& segment) { segment.memory_size.Set(0xffffffffffffffff); },
       {Errc::kTooLarge, kGiB}},
      {"the highest address",
       [](auto& segment) { segment.physical_address.Set(0xffffffffffffffff); },
       {Errc::kTooLarge, kGiB}},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    ByteVector file = SmallVmlinux().Build();
    auto segment = Get<Elf64ProgramHeader>(file, SegmentAt(1, 0));
    c.change(segment);
    Put(file, SegmentAt(1, 0), segment);
    CheckError(Decode(file), c.error.code, c.error.where);
  }
}

TEST_CASE("A segment that begins before another ends before it", "[format][vmlinux]") {
  ByteVector file = SmallVmlinux().Build();
  const std::size_t memory_size = SegmentAt(0, offsetof(Elf64ProgramHeader, memory_size));
  Put(file, memory_size, Le64(0x200000));
  CHECK(Decode(file).ok());
  Put(file, memory_size, Le64(0x200001));
  CheckError(Decode(file), Errc::kMalformed, SegmentAt(1, offsetof(Elf64ProgramHeader, physical_address)));
}

TEST_CASE("The highest image ends where the window does", "[format][vmlinux]") {
  ByteVector file = SmallVmlinux().Build();
  Put(file, SegmentAt(1, offsetof(Elf64ProgramHeader, memory_size)), Le64(kGiB - kTestLoadAddress - 0x200000));
  Vmlinux out;
  REQUIRE(DecodeVmlinux(file, kTestLoadAddress, out).ok());
  CHECK(out.image_size == kGiB - kTestLoadAddress);
}

TEST_CASE("A load address is a page of the kernel's, below the window's end", "[format][vmlinux]") {
  const ByteVector file = SmallVmlinux().Build();
  Vmlinux out;
  CheckError(DecodeVmlinux(file, kTestLoadAddress + 0x1000, out), Errc::kMisaligned, kTestLoadAddress + 0x1000);
  CheckError(DecodeVmlinux(file, kTestLoadAddress + 2 * kMiB, out), Errc::kMalformed,
             SegmentAt(0, offsetof(Elf64ProgramHeader, physical_address)));

  const auto at = [](std::uint64_t load_address) {
    return TestVmlinux{.entry = load_address,
                       .segments = {{.physical_address = load_address, .memory_size = 1, .bytes = Filled(1, 1)}},
                       .tables = {}}
        .Build();
  };
  CHECK(DecodeVmlinux(at(kGiB - 2 * kMiB), kGiB - 2 * kMiB, out).ok());
  CheckError(DecodeVmlinux(at(kGiB), kGiB, out), Errc::kTooLarge, kGiB);
  const std::uint64_t highest = ~(2 * kMiB - 1);
  CheckError(DecodeVmlinux(at(highest), highest, out), Errc::kTooLarge, kGiB);
}

TEST_CASE("A kernel has at most sixteen segments", "[format][vmlinux]") {
  TestVmlinux kernel = {.entry = kTestLoadAddress, .segments = {}, .tables = {}};
  for (std::uint64_t i = 0; i < kMaxLoadSegments; ++i) {
    kernel.segments.push_back(
        {.physical_address = kTestLoadAddress + i * 0x1000, .memory_size = 0x1000, .bytes = Filled(1, 1)});
  }
  CHECK(Decode(kernel.Build()).ok());
  kernel.segments.push_back({.physical_address = kTestLoadAddress + kMiB, .memory_size = 1, .bytes = {}});
  CheckError(Decode(kernel.Build()), Errc::kTableFull, kMaxLoadSegments);
}

TEST_CASE("Tables are two or three", "[format][vmlinux]") {
  TestVmlinux kernel = SmallVmlinux();
  const std::uint64_t elf_size = ElfSize(kernel);
  SECTION("one") {
    kernel.tables.resize(1);
    CheckError(Decode(kernel.Build()), Errc::kMalformed, elf_size);
  }
  SECTION("one, without entries") {
    kernel.tables = {{}};
    CheckError(Decode(kernel.Build()), Errc::kMalformed, elf_size);
  }
  SECTION("four") {
    kernel.tables.insert(kernel.tables.begin(), {0x1000000, 0x1000000});
    CheckError(Decode(kernel.Build()), Errc::kMalformed, elf_size + 4);
  }
  SECTION("no zero word in front of the first") {
    ByteVector file = kernel.Build();
    Put(file, elf_size, Le32(0x81000000));
    CheckError(Decode(file), Errc::kMalformed, elf_size);
  }
  SECTION("not whole words") {
    ByteVector file = kernel.Build();
    file.push_back(std::byte{0});
    CheckError(Decode(file), Errc::kMalformed, elf_size);
  }
}

TEST_CASE("A relocation's place lies in the image, to its last byte", "[format][vmlinux]") {
  const std::uint32_t end = kTestLoadAddress + kImageSize;
  struct Case {
    std::size_t table;
    std::uint32_t offset;
    bool fits;
  };
  const auto c = GENERATE_COPY(
      Case{0, end - 8, true}, Case{0, end - 7, false}, Case{0, end - 4, false}, Case{0, end, false},
      Case{1, end - 4, true}, Case{1, end - 3, false}, Case{1, end, false}, Case{2, end - 4, true},
      Case{2, end - 3, false}, Case{2, end, false}, Case{0, kTestLoadAddress, true},
      Case{0, kTestLoadAddress - 1, false}, Case{1, kTestLoadAddress, true}, Case{1, kTestLoadAddress - 1, false},
      Case{2, kTestLoadAddress, true}, Case{2, kTestLoadAddress - 1, false}, Case{2, 0, false},
      // Below the kernel's part of the address space: a virtual address that is not sign-extended with ones.
      Case{2, 0x80000000 + kTestLoadAddress, false}, Case{2, 0x7fffffff, false});
  CAPTURE(c.table, c.offset);
  TestVmlinux kernel = SmallVmlinux();
  kernel.tables = {{0x1000000}, {0x1000000}, {0x1000000}};
  kernel.tables[c.table].push_back(c.offset);
  const ByteVector file = kernel.Build();
  if (c.fits) {
    CHECK(Decode(file).ok());
  } else {
    // Each table takes two words, and the one with a second entry has it as its third.
    CheckError(Decode(file), Errc::kMalformed, ElfSize(kernel) + 8 * c.table + 8);
  }
}

TEST_CASE("What is loaded are the segments, and zeroes around them", "[format][vmlinux]") {
  const ByteVector image = Load(SmallVmlinux(), 0);
  REQUIRE(image.size() == kImageSize);
  CHECK(AllAre(image, 0, 0x80, 0x11));
  CHECK(AllAre(image, 0x80, 0x200000, 0));
  CHECK(AllAre(image, 0x200000, 0x200040, 0x22));
  CHECK(AllAre(image, 0x200040, kImageSize, 0));
}

TEST_CASE("Relocations add to what lies at their places", "[format][vmlinux]") {
  const std::uint64_t delta = 0x12345000;
  ByteVector expected = Load(SmallVmlinux(), 0);
  const ByteVector image = Load(SmallVmlinux(), delta);
  const auto add64 = [&](std::size_t at) { Put(expected, at, Le64(Get<Le64>(expected, at).value() + delta)); };
  const auto add32 = [&](std::size_t at, std::uint64_t value) {
    Put(expected, at, Le32(static_cast<std::uint32_t>(Get<Le32>(expected, at).value() + value)));
  };
  add64(0x8);
  add64(0x11);
  add32(0x30, -delta);
  add32(0x200004, delta);
  add32(0x200021, delta);
  CHECK(image == expected);
  CHECK(Get<Le64>(image, 0x11).value() == 0x1111111123456111);
  CHECK(Get<Le32>(image, 0x30).value() == 0xfedcc111);
  CHECK(Get<Le32>(image, 0x200021).value() == 0x34567222);
}

TEST_CASE("A sum that does not fit a place wraps in it, and a place may count twice", "[format][vmlinux]") {
  TestVmlinux kernel = SmallVmlinux();
  kernel.segments[0].bytes = Filled(0x80, 0xff);
  kernel.tables = {{0x1000000}, {0x1000020}, {0x1000040, 0x1000040}};
  const ByteVector image = Load(kernel, 2 * kMiB);
  CHECK(Get<Le64>(image, 0).value() == 0x1fffff);
  CHECK(Get<Le32>(image, 8).value() == 0xffffffff);
  CHECK(Get<Le32>(image, 0x20).value() == 0xffdfffff);
  CHECK(Get<Le32>(image, 0x24).value() == 0xffffffff);
  CHECK(Get<Le32>(image, 0x40).value() == 0x3fffff);
  CHECK(Get<Le32>(image, 0x44).value() == 0xffffffff);
}

TEST_CASE("The last places of the image are written, and nothing behind it", "[format][vmlinux]") {
  TestVmlinux kernel = SmallVmlinux();
  const auto end = static_cast<std::uint32_t>(kTestLoadAddress + kImageSize);
  kernel.tables = {{end - 8}, {end - 12}, {end - 16}};
  const ByteVector image = Load(kernel, 0x200000);
  CHECK(Get<Le64>(image, kImageSize - 8).value() == 0x200000);
  CHECK(Get<Le32>(image, kImageSize - 12).value() == 0xffe00000);
  CHECK(Get<Le32>(image, kImageSize - 16).value() == 0x200000);
}

TEST_CASE("An image may be moved as far as its window goes", "[format][vmlinux]") {
  const std::uint64_t delta = kKernelImageWindow - kTestLoadAddress - kImageSize;
  TestVmlinux kernel = SmallVmlinux();
  kernel.tables = {{0x1300000}, {}};
  CHECK(Get<Le64>(Load(kernel, delta), 0x300000).value() == delta);
}

}  // namespace
}  // namespace holdfast
