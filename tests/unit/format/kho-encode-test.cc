// SPDX-License-Identifier: BSD-2-Clause
// Tests of how KHO handovers are written.

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/support/random.h"
#include "tests/unit/format/kho-machine.h"

namespace holdfast {
namespace {

using test::Between;
using test::Block;
using test::CheckError;
using test::KhoMachine;

Result<KhoRecord> Encode(KhoMachine& machine, const KhoImage& image) {
  return EncodeKho(image, machine.arena, machine.array);
}

KhoImage ImageOf(const KhoMachine& machine, KhoDialect dialect, std::span<const KeptBlock> blocks) {
  return {.dialect = dialect, .bitmaps = KhoBitmaps::k512, .blocks = blocks, .scratch = machine.areas, .clients = {}};
}

TEST_CASE("A block that no map can hold is refused by its number", "[format][kho][encode]") {
  struct Case {
    const char* name;
    KeptBlock block;
  };
  const auto c = GENERATE(
      Case{"no order", {.range = Between(0x50000000, 0x50001000)}},
      Case{"an order of 40", {.range = Between(0x50000000, 0x50001000), .order = 40}},
      Case{"a range of no bytes", {.range = Between(0x50000000, 0x50000000), .order = 0}},
      Case{"a start that is not of its order", {.range = Between(0x50001000, 0x50003000), .order = 1}},
      Case{"a size that is not of its order", {.range = Between(0x50000000, 0x50003000), .order = 1}},
      Case{"a structure", {.range = Between(0x50000000, 0x50001000), .kind = KeptKind::kStructure, .order = 0}},
      Case{"a start that descends", Block(0x30000000, 0)});
  INFO(c.name);
  for (const KhoDialect dialect : {KhoDialect::kV1, KhoDialect::kV4, KhoDialect::kSeriesMetadata}) {
    KhoMachine machine;
    const std::array blocks = {Block(0x40000000, 0), c.block};
    CheckError(Encode(machine, ImageOf(machine, dialect, blocks)), Errc::kMalformed, 1);
  }
}

TEST_CASE("A map that does not fit is refused with the room there is", "[format][kho][encode]") {
  const KhoDialect dialect = GENERATE(KhoDialect::kV1, KhoDialect::kV4);
  KhoMachine machine;
  PageArena small = machine.memory.AddArena(0x30000000, 2);
  const std::array blocks = {Block(0x40000000, 0)};
  CheckError(EncodeKho(ImageOf(machine, dialect, blocks), small, machine.array), Errc::kTableFull, 2);
}

TEST_CASE("A record leads to the tree and the array", "[format][kho][encode]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {Block(0x40000000, 0)});
  CHECK(machine.record.fdt == Between(KhoMachine::kTree, KhoMachine::kTree + kPageSize));
  CHECK(machine.record.scratch == Between(KhoMachine::kArray, KhoMachine::kArray + 16));
  CHECK(machine.U64(KhoMachine::kArray) == 0x8000000);
  CHECK(machine.U64(KhoMachine::kArray + 8) == 0x1000000);
}

TEST_CASE("A tree that needs more pages than one has them", "[format][kho][encode]") {
  KhoMachine machine;
  std::vector<KeptBlock> blocks;
  for (std::uint64_t i = 0; i < 600; ++i) {
    blocks.push_back({.range = Between(0x40000000 + i * 0x2000, 0x40001000 + i * 0x2000)});
  }
  machine.Write(ImageOf(machine, KhoDialect::kSeriesMem, blocks));
  CHECK(machine.record.fdt.size() == 4 * kPageSize);
  REQUIRE(machine.Decode().ok());
  CHECK(machine.found.Of(KeptKind::kMemory) == blocks);
}

// Every single block, by address.
std::vector<KeptBlock> Singles(const std::vector<KeptBlock>& runs) {
  std::vector<KeptBlock> out;
  for (const KeptBlock& run : runs) {
    const std::uint64_t size = kPageSize << run.order;
    for (std::uint64_t at = run.range.start().raw(); at < run.range.end().raw(); at += size) {
      out.push_back(Block(at, run.order));
    }
  }
  std::sort(out.begin(), out.end(),
            [](const KeptBlock& a, const KeptBlock& b) { return a.range.start() < b.range.start(); });
  return out;
}

TEST_CASE("Whatever was written is read", "[format][kho][encode]") {
  const KhoDialect dialect = GENERATE(KhoDialect::kSeriesMetadata, KhoDialect::kV1, KhoDialect::kV4);
  const KhoBitmaps form = GENERATE(KhoBitmaps::k512, KhoBitmaps::k4096);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO(seed);
    test::Random random(seed);
    std::vector<KeptBlock> blocks;
    for (std::uint64_t at = 0x10000000; blocks.size() < 50;) {
      const auto order = static_cast<int>(random.Below(7));
      at = AlignUp(at + random.Below(0x40000), kPageSize << order);
      blocks.push_back(Block(at, order, random.Between(1, 9)));
      at = blocks.back().range.end().raw();
    }
    KhoMachine machine;
    machine.Write({.dialect = dialect, .bitmaps = form, .blocks = blocks, .scratch = machine.areas, .clients = {}});
    REQUIRE(machine.Decode(form).ok());
    CHECK(Singles(machine.found.Of(KeptKind::kMemory)) == Singles(blocks));
    CHECK(machine.facts.num_blocks == Singles(blocks).size());
  }
}

}  // namespace
}  // namespace holdfast
