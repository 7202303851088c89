// SPDX-License-Identifier: BSD-2-Clause
// Tests of the e820 table's two forms.

#include "common/format/e820.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::Between;
using test::CheckError;

E820Entry Entry(std::uint64_t addr, std::uint64_t size, std::uint32_t type) {
  return {.addr = Le64(addr), .size = Le64(size), .type = Le32(type)};
}

// A map and its storage.
struct TestMap {
  explicit TestMap(std::size_t capacity = 512) : storage(capacity, MemEntry{}), map(storage) {}
  std::vector<MemEntry> storage;
  MemoryMap map;
};

Status Decode(const std::vector<E820Entry>& entries, MemoryMap& out) {
  return DecodeE820(std::as_bytes(std::span(entries)), out);
}

// A map of that many entries which do not join.
void Fill(MemoryMap& map, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    REQUIRE(map.AppendAscending(Between(i * 0x2000, i * 0x2000 + 0x1000), MemType::kUsable).ok());
  }
}

TEST_CASE("A stored table becomes a map, in any order", "[format][e820]") {
  TestMap out;
  REQUIRE(Decode({Entry(0x100000, 0x1000, 2), Entry(0, 0x1000, 1), Entry(0x1000, 0x1000, 0x80)}, out.map).ok());
  REQUIRE(out.map.size() == 3);
  CHECK(out.map.view()[0] == MemEntry{Between(0, 0x1000), MemType::kUsable});
  CHECK(out.map.view()[1] == MemEntry{Between(0x1000, 0x2000), MemType::kReservedKern});
  CHECK(out.map.view()[2] == MemEntry{Between(0x100000, 0x101000), MemType::kReserved});
}

TEST_CASE("Of overlapping entries the higher type holds", "[format][e820]") {
  TestMap out;
  REQUIRE(Decode({Entry(0x1000, 0x1000, 2), Entry(0, 0x3000, 1)}, out.map).ok());
  REQUIRE(out.map.size() == 3);
  CHECK(out.map.view()[1] == MemEntry{Between(0x1000, 0x2000), MemType::kReserved});
}

TEST_CASE("Types without a name are carried through", "[format][e820]") {
  TestMap out;
  REQUIRE(Decode({Entry(0x1000, 0x1000, 0xfffffffe)}, out.map).ok());
  CHECK(static_cast<std::uint32_t>(out.map.view()[0].type) == 0xfffffffe);
}

TEST_CASE("Entries without bytes are dropped, wherever they lie", "[format][e820]") {
  TestMap out;
  REQUIRE(Decode({Entry(0x1000, 0, 1), Entry(0xffffffffffffffff, 0, 2)}, out.map).ok());
  CHECK(out.map.size() == 0);
}

TEST_CASE("An entry ends at or below the last address", "[format][e820]") {
  TestMap out;
  CHECK(Decode({Entry(kPhysLimit - 1, 1, 1)}, out.map).ok());
  CheckError(Decode({Entry(kPhysLimit - 1, 2, 1)}, out.map), Errc::kOutOfBounds, kPhysLimit - 1);
  CheckError(Decode({Entry(0x1000, 0xffffffffffffffff, 1)}, out.map), Errc::kOutOfBounds, 0x1000);
}

TEST_CASE("A table of no whole entries is truncated", "[format][e820]") {
  const E820Entry entry = Entry(0x1000, 0x1000, 1);
  const auto bytes = std::as_bytes(std::span(&entry, 1));
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    TestMap out;
    CheckError(DecodeE820(bytes.first(size), out.map), Errc::kTruncated, size);
  }
  TestMap out;
  CHECK(DecodeE820({}, out.map).ok());
}

TEST_CASE("A map without room for a table is full", "[format][e820]") {
  TestMap out(2);
  CheckError(Decode({Entry(0, 1, 1), Entry(2, 1, 1), Entry(4, 1, 1)}, out.map), Errc::kTableFull, 2);
}

TEST_CASE("The zero page has at most 128 entries", "[format][e820]") {
  auto params = std::make_unique<BootParams>();
  for (std::size_t i = 0; i < kE820MaxZeropage; ++i) {
    params->e820_table[i] = Entry(i * 0x2000, 0x1000, 1);
  }
  TestMap out;
  params->e820_entries = std::byte{128};
  REQUIRE(DecodeE820Zeropage(*params, out.map).ok());
  CHECK(out.map.size() == 128);
  params->e820_entries = std::byte{129};
  CheckError(DecodeE820Zeropage(*params, out.map), Errc::kMalformed, 0x1e8);
}

TEST_CASE("Only the entries that are counted are read", "[format][e820]") {
  auto params = std::make_unique<BootParams>();
  params->e820_entries = std::byte{1};
  params->e820_table[0] = Entry(0, 0x1000, 1);
  params->e820_table[1] = Entry(0xffffffffffffffff, 0x1000, 1);
  TestMap out;
  REQUIRE(DecodeE820Zeropage(*params, out.map).ok());
  CHECK(out.map.size() == 1);
}

TEST_CASE("A map that was encoded decodes to itself", "[format][e820]") {
  const auto count = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{127}, std::size_t{128}, std::size_t{129},
                              std::size_t{130}, std::size_t{400});
  INFO(count);
  TestMap map;
  Fill(map.map, count);
  auto params = std::make_unique<BootParams>();
  params->e820_table.back() = Entry(0xdead, 0xdead, 0xdead);
  std::vector<E820Entry> extension(300);
  const auto extended = EncodeE820(map.map, *params, extension);
  REQUIRE(extended.ok());
  CHECK(extended.value() == (count > 128 ? count - 128 : 0));
  CHECK(std::to_integer<std::size_t>(params->e820_entries) == std::min<std::size_t>(count, 128));
  if (count < 128) {
    CHECK(params->e820_table.back().type.value() == 0);
  }

  TestMap again;
  REQUIRE(DecodeE820Zeropage(*params, again.map).ok());
  REQUIRE(DecodeE820(std::as_bytes(std::span(extension).first(extended.value())), again.map).ok());
  REQUIRE(again.map.size() == map.map.size());
  CHECK(std::equal(map.map.view().begin(), map.map.view().end(), again.map.view().begin()));
}

TEST_CASE("A map that does not fit is refused, and nothing is written", "[format][e820]") {
  TestMap map;
  Fill(map.map, 131);
  auto params = std::make_unique<BootParams>();
  params->e820_entries = std::byte{77};
  std::array<E820Entry, 3> extension{};
  CHECK(EncodeE820(map.map, *params, extension).value() == 3);
  params->e820_entries = std::byte{77};
  CheckError(EncodeE820(map.map, *params, std::span(extension).first(2)), Errc::kTableFull, 130);
  CHECK(params->e820_entries == std::byte{77});
}

// --- What lies in the zeropage ------------------------------------------------------------------------------------

struct Encoded {
  std::vector<MemEntry> zeropage;
  std::vector<MemEntry> extension;
};

MemEntry Decoded(const E820Entry& entry) {
  return {Between(entry.addr.value(), entry.addr.value() + entry.size.value()),
          static_cast<MemType>(entry.type.value())};
}

Encoded Encode(const MemoryMap& map) {
  auto params = std::make_unique<BootParams>();
  std::vector<E820Entry> extension(1000);
  const auto extended = EncodeE820(map, *params, extension);
  REQUIRE(extended.ok());
  Encoded out;
  for (std::size_t i = 0; i < std::to_integer<std::size_t>(params->e820_entries); ++i) {
    out.zeropage.push_back(Decoded(params->e820_table[i]));
  }
  for (std::size_t i = 0; i < extended.value(); ++i) {
    out.extension.push_back(Decoded(extension[i]));
  }
  return out;
}

bool Holds(const std::vector<MemEntry>& entries, PhysRange range) {
  return std::any_of(entries.begin(), entries.end(), [range](const MemEntry& entry) { return entry.range == range; });
}

bool Ascends(const std::vector<MemEntry>& entries) {
  return std::is_sorted(entries.begin(), entries.end(),
                        [](const MemEntry& a, const MemEntry& b) { return a.range.start() < b.range.start(); });
}

// Low memory in two parts, then so many pages that are apart, of that type, and above them 1 GiB and 2 GiB.
void FillWithHoles(MemoryMap& map, std::size_t pages, MemType type) {
  REQUIRE(map.AppendAscending(Between(0x1000, 0x2000), MemType::kUsable).ok());
  REQUIRE(map.AppendAscending(Between(0x2000, 0x3000), MemType::kReserved).ok());
  REQUIRE(map.AppendAscending(Between(0x3000, 0x9f000), MemType::kUsable).ok());
  for (std::size_t i = 0; i < pages; ++i) {
    const std::uint64_t start = 0x100000 + i * 0x2000;
    REQUIRE(map.AppendAscending(Between(start, start + 0x1000), type).ok());
  }
  REQUIRE(map.AppendAscending(Between(0x40000000, 0x80000000), MemType::kUsable).ok());
  REQUIRE(map.AppendAscending(Between(0x100000000, 0x180000000), MemType::kUsable).ok());
}

TEST_CASE("No large memory is hidden from an early kernel by many small entries", "[format][e820]") {
  const auto type = GENERATE(MemType::kUsable, MemType::kReserved, MemType::kReservedKern);
  CAPTURE(static_cast<std::uint32_t>(type));
  TestMap map(1000);
  FillWithHoles(map.map, 600, type);
  const Encoded out = Encode(map.map);
  REQUIRE(out.zeropage.size() == 128);
  REQUIRE(out.extension.size() == 605 - 128);
  CHECK(Holds(out.zeropage, Between(0x1000, 0x2000)));
  CHECK(Holds(out.zeropage, Between(0x3000, 0x9f000)));
  CHECK(Holds(out.zeropage, Between(0x40000000, 0x80000000)));
  CHECK(Holds(out.zeropage, Between(0x100000000, 0x180000000)));
  // The rest of the places go to the lowest of what there is.
  CHECK(Holds(out.zeropage, Between(0x100000, 0x101000)));
  CHECK(Holds(out.zeropage, Between(0x2000, 0x3000)) == (type != MemType::kUsable));
  CHECK(Ascends(out.zeropage));
  CHECK(Ascends(out.extension));
}

TEST_CASE("Of usable memory above 1 MiB the largest entries are in the zeropage", "[format][e820]") {
  TestMap map(1000);
  // 300 entries of 1 to 300 pages, the small and the large ones mixed.
  std::uint64_t start = 0x100000;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const std::uint64_t pages = i * 7 % 300 + 1;
    REQUIRE(map.map.AppendAscending(Between(start, start + pages * 0x1000), MemType::kUsable).ok());
    start += (pages + 1) * 0x1000;
  }
  const Encoded out = Encode(map.map);
  REQUIRE(out.zeropage.size() == 128);
  for (const MemEntry& entry : out.zeropage) {
    CHECK(entry.range.size() > 172 * 0x1000);
  }
  for (const MemEntry& entry : out.extension) {
    CHECK(entry.range.size() <= 172 * 0x1000);
  }
}

TEST_CASE("Low memory comes before large memory, until the zeropage is full of it", "[format][e820]") {
  TestMap map(1000);
  // 200 parts of low memory, one of which is larger, and 1 GiB.
  for (std::uint64_t i = 0; i < 200; ++i) {
    const std::uint64_t size = i == 150 ? 0x200 : 0x100;
    REQUIRE(map.map.AppendAscending(Between(i * 0x1000, i * 0x1000 + size), MemType::kUsable).ok());
  }
  REQUIRE(map.map.AppendAscending(Between(0x40000000, 0x80000000), MemType::kUsable).ok());
  const Encoded out = Encode(map.map);
  CHECK(Holds(out.zeropage, Between(150 * 0x1000, 150 * 0x1000 + 0x200)));
  CHECK(Holds(out.zeropage, Between(126 * 0x1000, 126 * 0x1000 + 0x100)));
  CHECK_FALSE(Holds(out.zeropage, Between(127 * 0x1000, 127 * 0x1000 + 0x100)));
  CHECK(Holds(out.extension, Between(0x40000000, 0x80000000)));
}

TEST_CASE("Memory that begins below 1 MiB is low, and what begins there is not", "[format][e820]") {
  TestMap map(1000);
  REQUIRE(map.map.AppendAscending(Between(0xff000, 0xff800), MemType::kUsable).ok());
  REQUIRE(map.map.AppendAscending(Between(0x100000, 0x100800), MemType::kUsable).ok());
  for (std::uint64_t i = 1; i <= 200; ++i) {
    REQUIRE(map.map.AppendAscending(Between(i * 0x1000000, i * 0x1000000 + 0x1000), MemType::kUsable).ok());
  }
  const Encoded out = Encode(map.map);
  CHECK(Holds(out.zeropage, Between(0xff000, 0xff800)));
  CHECK(Holds(out.extension, Between(0x100000, 0x100800)));
}

TEST_CASE("A map of 128 entries or fewer has no extension, whatever they are", "[format][e820]") {
  TestMap map;
  FillWithHoles(map.map, 123, MemType::kReserved);
  REQUIRE(map.map.size() == 128);
  const Encoded out = Encode(map.map);
  CHECK(out.extension.empty());
  CHECK(std::equal(out.zeropage.begin(), out.zeropage.end(), map.map.view().begin(), map.map.view().end()));
}

TEST_CASE("No entry is lost or changed on its way into either table", "[format][e820]") {
  TestMap map(1000);
  FillWithHoles(map.map, 300, MemType::kUnusable);
  const Encoded out = Encode(map.map);
  std::vector<MemEntry> both = out.zeropage;
  both.insert(both.end(), out.extension.begin(), out.extension.end());
  std::sort(both.begin(), both.end(),
            [](const MemEntry& a, const MemEntry& b) { return a.range.start() < b.range.start(); });
  CHECK(std::equal(both.begin(), both.end(), map.map.view().begin(), map.map.view().end()));
}

}  // namespace
}  // namespace holdfast
