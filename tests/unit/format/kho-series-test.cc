// SPDX-License-Identifier: BSD-2-Clause
// Tests of the `mem` arrays and the mem cache of the series before kho-v1.

#include "common/format/kho-series.h"

#include <catch2/catch.hpp>

#include "tests/unit/format/kho-machine.h"

namespace holdfast {
namespace {

using test::Between;
using test::CheckError;
using test::KhoMachine;
using test::kTreeRoot;
using test::Structure;

KeptBlock Memory(std::uint64_t start, std::uint64_t end) {
  return {.range = Between(start, end), .kind = KeptKind::kMemory};
}

KhoArea Area(std::uint64_t start, std::uint64_t size) { return {Le64(start), Le64(size)}; }

// A tree of one node with a `mem`, whose value begins at kMem, and a second such node.
void WriteMem(KhoMachine& machine, std::vector<KhoArea> first, std::vector<KhoArea> second = {}) {
  machine.WriteTree([&](FdtWriter& writer) {
    writer.String("compatible", "kho-v1");
    writer.BeginNode("one");
    writer.Bytes("mem", std::as_bytes(std::span(first)));
    writer.EndNode();
    if (!second.empty()) {
      writer.BeginNode("two");
      writer.Bytes("mem", std::as_bytes(std::span(second)));
      writer.EndNode();
    }
  });
}
// The root, its property of eight bytes, a node's name of four, a property.
constexpr std::uint64_t kMem = kTreeRoot + 8 + (12 + 8) + 8 + 12;

KhoMachine& Series2023(KhoMachine& machine, std::initializer_list<KeptBlock> blocks) {
  const std::vector<KeptBlock> list(blocks);
  machine.Write({.dialect = KhoDialect::kSeriesMem,
                 .bitmaps = KhoBitmaps::kUnknown,
                 .is_2023 = true,
                 .blocks = list,
                 .scratch = machine.areas,
                 .clients = {}});
  return machine;
}

TEST_CASE("The arrays of every node are given as they stand", "[format][kho][series]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kSeriesMem, {});
  WriteMem(machine, {Area(0x40000000, 0x3000), Area(0x30000000, 0x1000)}, {Area(0x50000000, 0x200000)});
  REQUIRE(machine.Decode().ok());
  CHECK(machine.facts.dialect == KhoDialect::kSeriesMem);
  CHECK(machine.facts.map == PhysAddr(0));
  CHECK(machine.facts.num_blocks == 3);
  CHECK(machine.found.Of(KeptKind::kMemory) ==
        std::vector{Memory(0x40000000, 0x40003000), Memory(0x30000000, 0x30001000), Memory(0x50000000, 0x50200000)});
}

TEST_CASE("The flag in an address is no part of it", "[format][kho][series]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kSeriesMem, {});
  WriteMem(machine, {Area(0x40000001, 0x3000)});
  REQUIRE(machine.Decode().ok());
  CHECK(machine.found.Of(KeptKind::kMemory) == std::vector{Memory(0x40000000, 0x40003000)});
}

TEST_CASE("What was written as arrays is read", "[format][kho][series]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kSeriesMem, {Memory(0x40000000, 0x40003000), Memory(0x50000000, 0x50001000)});
  REQUIRE(machine.Decode().ok());
  CHECK(machine.found.Of(KeptKind::kMemory) ==
        std::vector{Memory(0x40000000, 0x40003000), Memory(0x50000000, 0x50001000)});
  CHECK(machine.scratch.view().size() == 1);
}

TEST_CASE("What breaks a rule of an array is refused with its place", "[format][kho][series]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kSeriesMem, {});
  SECTION("a part of a range") {
    const std::array<std::byte, 12> bytes{};
    machine.WriteTree([&](FdtWriter& writer) {
      writer.String("compatible", "kho-v1");
      writer.BeginNode("one");
      writer.Bytes("mem", bytes);
      writer.EndNode();
    });
    CheckError(machine.Decode(), Errc::kMalformed, kMem);
  }
  SECTION("a range of no bytes") {
    WriteMem(machine, {Area(0x40000000, 0x3000), Area(0x50000000, 0)});
    CheckError(machine.Decode(), Errc::kMalformed, kMem + 16);
  }
  SECTION("a range past the limit") {
    WriteMem(machine, {Area(0x40000000, kPhysLimit)});
    CheckError(machine.Decode(), Errc::kOutOfBounds, 0x40000000);
  }
  SECTION("a range below 1 MiB") {
    WriteMem(machine, {Area(0xff000, 0x2000)});
    CheckError(machine.Decode(), Errc::kOutOfBounds, 0xff000);
  }
  SECTION("two arrays of one node") {
    const KhoArea area = Area(0x40000000, 0x3000);
    machine.WriteTree([&](FdtWriter& writer) {
      writer.String("compatible", "kho-v1");
      writer.BeginNode("one");
      writer.Bytes("mem", std::as_bytes(std::span(&area, 1)));
      writer.Bytes("mem", std::as_bytes(std::span(&area, 1)));
      writer.EndNode();
    });
    CheckError(machine.Decode(), Errc::kMalformed, kMem + 16 + 12);
  }
}

TEST_CASE("The mem cache is what is kept, and pages may be named twice", "[format][kho][series]") {
  KhoMachine machine;
  Series2023(machine, {Memory(0x40000000, 0x40002000), Memory(0x40001000, 0x40003000), Memory(0x50000000, 0x50001000)});
  REQUIRE(machine.record.is_2023);
  REQUIRE(machine.Decode().ok());
  CHECK(machine.facts.dialect == KhoDialect::kSeriesMem);
  CHECK(machine.found.Of(KeptKind::kMemory) ==
        std::vector{Memory(0x40000000, 0x40003000), Memory(0x50000000, 0x50001000)});
  const std::uint64_t cache = machine.record.mem_cache.start().raw();
  CHECK(machine.found.Of(KeptKind::kStructure) ==
        std::vector{Structure(KhoMachine::kTree, machine.record.fdt.size()), Structure(cache)});
  REQUIRE(machine.scratch.view().size() == 1);
  CHECK(machine.scratch.view()[0] == machine.areas[0]);
}

TEST_CASE("A handover of 2023 that keeps nothing has no cache", "[format][kho][series]") {
  KhoMachine machine;
  Series2023(machine, {});
  REQUIRE(machine.record.mem_cache.empty());
  REQUIRE(machine.Decode().ok());
  CHECK(machine.found.Of(KeptKind::kMemory).empty());
}

TEST_CASE("What breaks a rule of the mem cache is refused with its place", "[format][kho][series]") {
  KhoMachine machine;
  Series2023(machine, {Memory(0x40000000, 0x40002000), Memory(0x50000000, 0x50001000)});
  const std::uint64_t cache = machine.record.mem_cache.start().raw();
  SECTION("ranges that descend") {
    machine.PutU64(cache, 0x60000000);
    CheckError(machine.Decode(), Errc::kMalformed, cache + 16);
  }
  SECTION("ranges that overlap") {
    machine.PutU64(cache + 8, 0x10001000);
    CheckError(machine.Decode(), Errc::kMalformed, cache + 16);
  }
  SECTION("a range of no bytes") {
    machine.PutU64(cache + 24, 0);
    CheckError(machine.Decode(), Errc::kMalformed, cache + 16);
  }
  SECTION("a range past the limit") {
    machine.PutU64(cache + 16, kPhysLimit);
    CheckError(machine.Decode(), Errc::kOutOfBounds, kPhysLimit);
  }
  SECTION("a range below 1 MiB") {
    machine.PutU64(cache, 0x1000);
    CheckError(machine.Decode(), Errc::kOutOfBounds, 0x1000);
  }
  SECTION("a cache that is nowhere") {
    machine.record.mem_cache = Between(0x666000, 0x666010);
    CheckError(machine.Decode(), Errc::kUnreadable, 0x666000);
  }
  SECTION("a range of the tree that is not in it") {
    WriteMem(machine, {Area(0x40000000, 0x2000), Area(0x40001000, 0x2000)});
    CheckError(machine.Decode(), Errc::kMalformed, kMem + 16);
  }
  SECTION("a range of the tree and no cache") {
    machine.record.mem_cache = PhysRange();
    WriteMem(machine, {Area(0x40000000, 0x2000)});
    CheckError(machine.Decode(), Errc::kMalformed, kMem);
  }
  SECTION("an area of scratch that begins within a page") {
    machine.record.scratch = Between(0x8000010, 0x9000000);
    CheckError(machine.Decode(), Errc::kMisaligned, 0x8000010);
  }
}

TEST_CASE("A range of the tree may lie across two of the cache that touch", "[format][kho][series]") {
  KhoMachine machine;
  Series2023(machine, {Memory(0x40000000, 0x40002000), Memory(0x50000000, 0x50001000)});
  const std::uint64_t cache = machine.record.mem_cache.start().raw();
  machine.PutU64(cache + 16, 0x40002000);
  WriteMem(machine, {Area(0x40001000, 0x2000)});
  CHECK(machine.Decode().ok());
}

}  // namespace
}  // namespace holdfast
