// SPDX-License-Identifier: BSD-2-Clause
// Tests of the e820 table's two forms.

#include "common/format/e820.h"

#include <catch2/catch.hpp>

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

}  // namespace
}  // namespace holdfast
