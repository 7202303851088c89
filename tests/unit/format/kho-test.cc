// SPDX-License-Identifier: BSD-2-Clause
// Tests of a KHO handover as a whole: the way from its record to its map, and scratch.

#include "common/format/kho.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/unit/format/kho-machine.h"

namespace holdfast {
namespace {

using test::Between;
using test::Block;
using test::CheckError;
using test::KhoMachine;
using test::kTreeRoot;
using test::Structure;

constexpr std::uint64_t kArray = KhoMachine::kArray;

void WriteAreas(KhoMachine& machine, std::initializer_list<PhysRange> areas) {
  std::uint64_t at = kArray;
  for (const PhysRange area : areas) {
    machine.PutU64(at, area.start().raw());
    machine.PutU64(at + 8, area.size());
    at += 16;
  }
  machine.record.scratch = Between(kArray, at);
}

TEST_CASE("Every dialect gives what was written", "[format][kho]") {
  const KhoDialect dialect =
      GENERATE(KhoDialect::kSeriesMetadata, KhoDialect::kV1, KhoDialect::kV2, KhoDialect::kV3, KhoDialect::kV4);
  INFO(static_cast<int>(dialect));
  KhoMachine machine;
  machine.Write(dialect, {Block(0x41001000, 0, 7), Block(0x50000000, 4), Block(0x100000000, 10, 2)}, KhoBitmaps::k512);
  REQUIRE(machine.Decode().ok());
  // A radix tree has large orders first.
  auto kept = machine.found.Of(KeptKind::kMemory);
  std::sort(kept.begin(), kept.end(),
            [](const KeptBlock& a, const KeptBlock& b) { return a.range.start() < b.range.start(); });
  CHECK(kept == std::vector{Block(0x41001000, 0, 7), Block(0x50000000, 4), Block(0x100000000, 10, 2)});
  CHECK(machine.facts.dialect == dialect);
  CHECK(machine.facts.num_blocks == 10);
  CHECK(machine.facts.map == PhysAddr(KhoMachine::kMap));
  CHECK(machine.found.all()[0] == Structure(KhoMachine::kTree));
  CHECK(machine.found.all()[1] == Structure(kArray));
  CHECK(machine.scratch.view().size() == 1);
  CHECK(machine.scratch.view()[0] == machine.areas[0]);
}

TEST_CASE("A version that is not known is refused before anything else is read", "[format][kho]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {Block(0x40000000, 0)});
  machine.WriteTree([](FdtWriter& writer) { writer.String("compatible", "kho-v5"); });
  machine.record.scratch = Between(0x666000, 0x666010);
  CheckError(machine.Decode(), Errc::kUnknownCompatible, kTreeRoot + 8 + 12);
  CHECK(machine.found.all().empty());
  CHECK(machine.scratch.view().empty());
}

TEST_CASE("A map of address 0 is of a sender that did not finalize", "[format][kho]") {
  const char* const compatible = GENERATE("kho-v1", "kho-v4");
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {});
  const Le64 none(0);
  machine.WriteTree([&](FdtWriter& writer) {
    writer.String("compatible", compatible);
    writer.Bytes("preserved-memory-map", std::as_bytes(std::span(&none, 1)));
  });
  CheckError(machine.Decode(), Errc::kNotFinalized, KhoMachine::kTree);
}

TEST_CASE("A tree without a map, or with a map of another size, is malformed", "[format][kho]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {});
  machine.WriteTree([](FdtWriter& writer) { writer.String("compatible", "kho-v3"); });
  CheckError(machine.Decode(), Errc::kMalformed, kTreeRoot);
  machine.WriteTree([](FdtWriter& writer) {
    writer.String("compatible", "kho-v3");
    writer.U32("preserved-memory-map", 1);
  });
  CheckError(machine.Decode(), Errc::kMalformed, kTreeRoot + 8 + 12 + 8 + 12);
}

TEST_CASE("A map that does not begin at a page is refused with its address", "[format][kho]") {
  const char* const compatible = GENERATE("kho-v1", "kho-v4");
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {});
  const Le64 map(KhoMachine::kMap + 8);
  machine.WriteTree([&](FdtWriter& writer) {
    writer.String("compatible", compatible);
    writer.Bytes("preserved-memory-map", std::as_bytes(std::span(&map, 1)));
  });
  CheckError(machine.Decode(), Errc::kMisaligned, KhoMachine::kMap + 8);
}

TEST_CASE("A tree or an array that cannot be read is refused with its address", "[format][kho]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {});
  SECTION("the tree") {
    machine.record.fdt = Between(0x666000, 0x667000);
    CheckError(machine.Decode(), Errc::kUnreadable, 0x666000);
  }
  SECTION("the array") {
    machine.record.scratch = Between(0x666000, 0x666010);
    CheckError(machine.Decode(), Errc::kUnreadable, 0x666000);
  }
}

// --- Scratch ---

TEST_CASE("Scratch is its areas, but for those of no bytes, in ascending order and each by itself", "[format][kho]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {});
  WriteAreas(machine, {Between(0x9000000, 0xa000000), Between(0, 0), Between(0x8000000, 0x9000000),
                       Between(0x100000000, 0x101000000)});
  REQUIRE(machine.Decode().ok());
  REQUIRE(machine.scratch.view().size() == 3);
  CHECK(machine.scratch.view()[0] == Between(0x8000000, 0x9000000));
  CHECK(machine.scratch.view()[1] == Between(0x9000000, 0xa000000));
  CHECK(machine.scratch.view()[2] == Between(0x100000000, 0x101000000));
}

TEST_CASE("A tree or a map in scratch is refused, but the tree of a series", "[format][kho]") {
  const PhysRange home = Between(0x8000000, 0x9000000);  // of the array
  const KhoDialect dialect = GENERATE(KhoDialect::kSeriesMetadata, KhoDialect::kV1, KhoDialect::kV3, KhoDialect::kV4);
  KhoMachine machine;
  machine.Write(dialect, {Block(0x41000000, 0)}, KhoBitmaps::k512);
  SECTION("the tree") {
    WriteAreas(machine, {Between(KhoMachine::kTree, KhoMachine::kMap), home});
    if (dialect == KhoDialect::kSeriesMetadata) {
      CHECK(machine.Decode().ok());
    } else {
      CheckError(machine.Decode(), Errc::kMalformed, KhoMachine::kTree);
    }
  }
  SECTION("the map's first page") {
    WriteAreas(machine, {Between(KhoMachine::kMap, KhoMachine::kMap + kPageSize), home});
    CheckError(machine.Decode(), Errc::kMalformed, KhoMachine::kMap);
  }
  SECTION("what that leads to") {
    WriteAreas(machine, {Between(KhoMachine::kMap + kPageSize, KhoMachine::kMap + 2 * kPageSize), home});
    CheckError(machine.Decode(), Errc::kMalformed, KhoMachine::kMap + kPageSize);
  }
}

TEST_CASE("Areas that another handover named already are no conflict", "[format][kho]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {});
  REQUIRE(machine.scratch.Add(machine.areas[0]).ok());
  CHECK(DecodeKho(machine.record, KhoBitmaps::kUnknown, machine.memory.memory(), machine.scratch, machine.found.sink(),
                  machine.facts)
            .ok());
  CHECK(machine.scratch.view().size() == 1);
}

TEST_CASE("What breaks a rule of the array is refused with its place", "[format][kho]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {});
  const PhysRange sound = Between(0x8000000, 0x9000000);
  SECTION("an area that begins within a page") {
    WriteAreas(machine, {sound, Between(0xa000800, 0xb000000)});
    CheckError(machine.Decode(), Errc::kMisaligned, 0xa000800);
  }
  SECTION("an area that ends within a page") {
    WriteAreas(machine, {sound, Between(0xa000000, 0xaf00010)});
    CheckError(machine.Decode(), Errc::kMisaligned, 0xaf00010);
  }
  SECTION("an area past the limit") {
    WriteAreas(machine, {sound, Between(0xa000000, 0xb000000)});
    machine.PutU64(kArray + 24, kPhysLimit);
    CheckError(machine.Decode(), Errc::kOutOfBounds, 0xa000000);
  }
  SECTION("an area whose end wraps") {
    WriteAreas(machine, {sound, Between(0xa000000, 0xb000000)});
    machine.PutU64(kArray + 24, ~std::uint64_t{0xfff});
    CheckError(machine.Decode(), Errc::kOutOfBounds, 0xa000000);
  }
  SECTION("areas that overlap") {
    WriteAreas(machine, {sound, Between(0xa000000, 0xb000000), Between(0x8fff000, 0x9800000)});
    CheckError(machine.Decode(), Errc::kMalformed, kArray + 32);
  }
  SECTION("one area twice") {
    WriteAreas(machine, {sound, sound});
    CheckError(machine.Decode(), Errc::kMalformed, kArray + 16);
  }
  SECTION("none but areas of no bytes") {
    WriteAreas(machine, {Between(0, 0), Between(0x8000000, 0x8000000)});
    CheckError(machine.Decode(), Errc::kMalformed, kArray);
  }
  SECTION("an array outside of every area") {
    WriteAreas(machine, {Between(0x9000000, 0xa000000)});
    CheckError(machine.Decode(), Errc::kMalformed, kArray);
  }
  SECTION("an array that is only in part in an area") {
    WriteAreas(machine, {Between(0x8000000, 0x8010000), Between(0x8011000, 0x9000000)});
    CheckError(machine.Decode(), Errc::kMalformed, kArray);
  }
}

TEST_CASE("As many areas as 1024 nodes have are taken, one more is not", "[format][kho]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {});
  constexpr std::uint64_t kLong = 0x8800000;
  machine.memory.Add(kLong, 5);
  machine.PutU64(kLong, 0x8000000);
  machine.PutU64(kLong + 8, 0x1000000);
  machine.record.scratch = Between(kLong, kLong + 16 * 1026);
  CHECK(machine.Decode().ok());
  machine.record.scratch = Between(kLong, kLong + 16 * 1027);
  CheckError(machine.Decode(), Errc::kTableFull, 1026);
}

}  // namespace
}  // namespace holdfast
