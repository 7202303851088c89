// SPDX-License-Identifier: BSD-2-Clause
// A MAP in every form, found out by looking.

#include "tools/mkhandover/map-source.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>

#include "common/abi/boot-params.h"
#include "common/abi/efi-memory.h"
#include "tests/tool/scratch-folder.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"

namespace holdfast::tool {
namespace {

std::vector<MemEntry> EntriesOf(const OwnedMap& map) { return {map.map().view().begin(), map.map().view().end()}; }

MemEntry Entry(std::uint64_t start, std::uint64_t end, MemType type) {
  return {PhysRange::FromStartEnd(PhysAddr(start), PhysAddr(end)).value(), type};
}

std::string MessageOf(std::span<const std::byte> bytes) {
  try {
    DecodeMap(bytes, "map", kDefaultEfiDescriptorSize);
  } catch (const Failure& failure) {
    CHECK(failure.code() == ExitCode::kBadInput);
    return failure.what();
  }
  return "no failure";
}

BootParams SmallBootParams() {
  BootParams params{};
  params.hdr.header.Set(kSetupHeaderMagic);
  params.e820_entries = std::byte{2};
  params.e820_table[0] = {Le64(0), Le64(0x9fc00), Le32(1)};
  params.e820_table[1] = {Le64(0x9fc00), Le64(0x400), Le32(2)};
  return params;
}

struct WideDescriptor {
  EfiMemoryDescriptor descriptor;
  std::array<std::byte, 8> tail{};
};
static_assert(sizeof(WideDescriptor) == 48);

TEST_CASE("A log, a resource tree and a firmware map of one machine agree", "[tool][map-source]") {
  const auto old_log = ReadMap("tests/tool/data/log-6.1.txt", kDefaultEfiDescriptorSize);
  const auto new_log = ReadMap("tests/tool/data/log-7.2.txt", kDefaultEfiDescriptorSize);
  CHECK(EntriesOf(*old_log) == EntriesOf(*new_log));

  ScratchFolder folder;
  std::size_t i = 0;
  for (const MemEntry& entry : old_log->map().view()) {
    const auto child = folder.path() / std::to_string(i++);
    std::filesystem::create_directory(child);
    std::ofstream(child / "start") << std::hex << "0x" << entry.range.start().raw() << '\n';
    std::ofstream(child / "end") << std::hex << "0x" << entry.range.end().raw() - 1 << '\n';
    std::ofstream(child / "type") << (entry.type == MemType::kUsable ? "System RAM" : "Reserved") << '\n';
  }
  CHECK(EntriesOf(*ReadMap(folder.path().string(), kDefaultEfiDescriptorSize)) == EntriesOf(*old_log));
}

TEST_CASE("A page of boot_params is known by its magic", "[tool][map-source]") {
  const BootParams params = SmallBootParams();
  const auto map = DecodeMap(std::as_bytes(std::span(&params, 1)), "page", kDefaultEfiDescriptorSize);
  CHECK(EntriesOf(*map) ==
        std::vector{Entry(0, 0x9fc00, MemType::kUsable), Entry(0x9fc00, 0xa0000, MemType::kReserved)});
}

TEST_CASE("An EFI memory map is read with the stride it was stored with", "[tool][map-source]") {
  std::array<WideDescriptor, 2> wide{};
  wide[0].descriptor.type.Set(7);
  wide[0].descriptor.physical_start.Set(0x100000);
  wide[0].descriptor.number_of_pages.Set(16);
  wide[1].descriptor.type.Set(10);
  wide[1].descriptor.physical_start.Set(0x110000);
  wide[1].descriptor.number_of_pages.Set(1);
  const auto bytes = std::as_bytes(std::span(wide));
  const auto map = DecodeMap(bytes, "efi", kDefaultEfiDescriptorSize);
  CHECK(EntriesOf(*map) ==
        std::vector{Entry(0x100000, 0x110000, MemType::kUsable), Entry(0x110000, 0x111000, MemType::kNvs)});
  CHECK_THROWS_AS(DecodeMap(bytes, "efi", 40), Failure);  // 96 bytes are no number of 40
  CHECK_THROWS_AS(DecodeMap(bytes, "efi", 8), Failure);
}

TEST_CASE("What is no map is refused with what it could have been", "[tool][map-source]") {
  CHECK(MessageOf({}) == "map: empty: a memory map has at least one entry");
  CHECK(MessageOf(AsBytes("hello\n")) ==
        "map: no memory map: neither e820 lines, nor /proc/iomem, nor boot_params, nor an EFI memory map");
  CHECK(MessageOf(AsBytes("00000000-00000fff : PCI Bus 0000:00\n00001000-00001fff : HPET 0\n")) ==
        "map: no line names a kind of memory");
}

TEST_CASE("Entries that overlap take the higher type, in any order", "[tool][map-source]") {
  std::vector<MemEntry> entries = {Entry(0x0, 0x4000, MemType::kUsable), Entry(0x1000, 0x2000, MemType::kReserved),
                                   Entry(0x3000, 0x5000, MemType::kAcpi)};
  const std::vector expected = {Entry(0x0, 0x1000, MemType::kUsable), Entry(0x1000, 0x2000, MemType::kReserved),
                                Entry(0x2000, 0x3000, MemType::kUsable), Entry(0x3000, 0x5000, MemType::kAcpi)};
  const auto before = [](const MemEntry& a, const MemEntry& b) { return a.range.start() < b.range.start(); };
  std::sort(entries.begin(), entries.end(), before);
  do {
    CHECK(EntriesOf(*LayOut(entries, "map")) == expected);
  } while (std::next_permutation(entries.begin(), entries.end(), before));
}

TEST_CASE("A folder without entries is no map", "[tool][map-source]") {
  ScratchFolder folder;
  CHECK_THROWS_WITH(ReadMemmapDirectory(folder.path()), Catch::EndsWith("no entries N/start, N/end, N/type as in "
                                                                        "/sys/firmware/memmap"));
}

}  // namespace
}  // namespace holdfast::tool
