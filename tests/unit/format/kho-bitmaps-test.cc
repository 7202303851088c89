// SPDX-License-Identifier: BSD-2-Clause
// Tests of the map of kho-v1, in both sizes of its bitmaps.

#include <catch2/catch.hpp>

#include "tests/unit/format/kho-machine.h"

namespace holdfast {
namespace {

using test::Between;
using test::Block;
using test::CheckError;
using test::KhoMachine;
using test::Structure;

constexpr std::uint64_t kChunk = KhoMachine::kMap;
constexpr std::uint64_t kBitmap = kChunk + kPageSize;  // of the first element

constexpr std::uint64_t kNext = kChunk;
constexpr std::uint64_t kOrder = kChunk + 8;
constexpr std::uint64_t kCount = kChunk + 12;
constexpr std::uint64_t StartOf(std::uint64_t i) { return kChunk + 16 + 16 * i; }
constexpr std::uint64_t BitmapOf(std::uint64_t i) { return StartOf(i) + 8; }

// Spans of order 0.
constexpr std::uint64_t kSpan512 = 16 * kMiB;
constexpr std::uint64_t kSpan4096 = 128 * kMiB;

KeptBlock Uncertain(std::uint64_t start, std::uint64_t end) {
  return {.range = Between(start, end), .kind = KeptKind::kUncertain};
}

TEST_CASE("Bitmaps of both sizes are read", "[format][kho][bitmaps]") {
  const KhoBitmaps form = GENERATE(KhoBitmaps::k512, KhoBitmaps::k4096);
  KhoMachine machine;
  // The last page of a smaller span and of a larger one, the page behind each, and another order.
  machine.Write(KhoDialect::kV1, {Block(0x40fff000, 0, 2), Block(0x47fff000, 0, 2), Block(0x80000000, 10, 3)}, form);
  REQUIRE(machine.Decode(form).ok());
  CHECK(machine.facts.bitmaps == form);
  CHECK(machine.facts.dialect == KhoDialect::kV1);
  CHECK(machine.facts.map == PhysAddr(kChunk));
  CHECK(machine.facts.num_blocks == 7);
  const auto found = machine.found.Of(KeptKind::kMemory);
  if (form == KhoBitmaps::k512) {
    CHECK(found == std::vector{Block(0x40fff000, 0), Block(0x41000000, 0), Block(0x47fff000, 0), Block(0x48000000, 0),
                               Block(0x80000000, 10, 3)});
  } else {
    CHECK(found ==
          std::vector{Block(0x40fff000, 0, 2), Block(0x47fff000, 0), Block(0x48000000, 0), Block(0x80000000, 10, 3)});
  }
}

TEST_CASE("A bit of each form lies where the specification says", "[format][kho][bitmaps]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV1, {Block(0x49234000, 0)}, KhoBitmaps::k512);
  CHECK(machine.U64(kNext) == 0);
  CHECK(machine.memory.Get<Le32>(kOrder).value() == 0);
  CHECK(machine.memory.Get<Le32>(kCount).value() == 1);
  CHECK(machine.U64(StartOf(0)) == 0x49000000);
  CHECK(machine.U64(BitmapOf(0)) == kBitmap);
  CHECK(machine.U64(kBitmap + 0x234 / 64 * 8) == std::uint64_t{1} << (0x234 % 64));

  KhoMachine larger;
  larger.Write(KhoDialect::kV1, {Block(0x49234000, 0)}, KhoBitmaps::k4096);
  CHECK(larger.U64(StartOf(0)) == 0x48000000);
  CHECK(larger.U64(kBitmap + 0x1234 / 64 * 8) == std::uint64_t{1} << (0x1234 % 64));
}

TEST_CASE("The description is told chunk by chunk and bitmap by bitmap", "[format][kho][bitmaps]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV1, {Block(0x40000000, 0), Block(0x41000000, 0), Block(0x80000000, 3)}, KhoBitmaps::k512);
  REQUIRE(machine.Decode(KhoBitmaps::k512).ok());
  const std::uint64_t second = kBitmap + kPageSize;
  CHECK(machine.found.Of(KeptKind::kStructure) == std::vector{Structure(KhoMachine::kTree),
                                                              Structure(KhoMachine::kArray), Structure(kChunk),
                                                              Structure(kBitmap, 512), Structure(kBitmap + 512, 512),
                                                              Structure(second), Structure(kBitmap + 1024, 512)});
  CHECK(machine.facts.num_structures == 7);
}

TEST_CASE("More elements than a chunk holds go on in the next", "[format][kho][bitmaps]") {
  KhoMachine machine;
  std::vector<KeptBlock> blocks;
  for (std::uint64_t i = 0; i < 256; ++i) {
    blocks.push_back(Block(0x40000000 + i * kSpan512, 0));
  }
  machine.Write({.dialect = KhoDialect::kV1,
                 .bitmaps = KhoBitmaps::k512,
                 .blocks = blocks,
                 .scratch = machine.areas,
                 .clients = {}});
  CHECK(machine.memory.Get<Le32>(kCount).value() == 255);
  CHECK(machine.U64(kNext) != 0);
  REQUIRE(machine.Decode().ok());
  CHECK(machine.found.Of(KeptKind::kMemory) == blocks);
}

TEST_CASE("What the larger size does not allow proves the smaller one", "[format][kho][bitmaps]") {
  KhoMachine machine;
  SECTION("a start that is no multiple of 128 MiB") {
    machine.Write(KhoDialect::kV1, {Block(0x41000000, 0)}, KhoBitmaps::k512);
  }
  SECTION("a start that is no multiple of 128 MiB times the order's pages") {
    machine.Write(KhoDialect::kV1, {Block(8 * kGiB, 9)}, KhoBitmaps::k512);
  }
  SECTION("a bitmap that does not begin at a page") {
    machine.Write(KhoDialect::kV1, {Block(0x40000000, 0), Block(0x80000000, 0)}, KhoBitmaps::k512);
  }
  SECTION("two starts nearer than 128 MiB") {
    machine.Write(KhoDialect::kV1, {Block(0x40000000, 0), Block(0x42000000, 0)}, KhoBitmaps::k512);
    // Each with a page of its own.
    const std::uint64_t second = machine.arena.Take().value().at.raw();
    machine.PutU64(second, machine.U64(machine.U64(BitmapOf(1))));
    machine.PutU64(BitmapOf(1), second);
  }
  REQUIRE(machine.Decode().ok());
  CHECK(machine.facts.bitmaps == KhoBitmaps::k512);
  CHECK(machine.found.Of(KeptKind::kUncertain).empty());
  CHECK_FALSE(machine.found.Of(KeptKind::kMemory).empty());
}

TEST_CASE("Without a proof the larger span is uncertain, and its bitmap is not read", "[format][kho][bitmaps]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV1, {Block(0x40000000, 0), Block(0x100000000, 3)}, KhoBitmaps::k4096);
  machine.PutU64(BitmapOf(0), 0x666000);  // where nothing is
  REQUIRE(machine.Decode().ok());
  CHECK(machine.facts.bitmaps == KhoBitmaps::kUnknown);
  CHECK(machine.facts.num_blocks == 0);
  CHECK(machine.found.Of(KeptKind::kMemory).empty());
  CHECK(machine.found.Of(KeptKind::kUncertain) ==
        std::vector{Uncertain(0x40000000, 0x40000000 + kSpan4096), Uncertain(0x100000000, 0x100000000 + kGiB)});
  CHECK(machine.found.Of(KeptKind::kStructure)[3] == Structure(0x666000));
}

TEST_CASE("An uncertain span ends at the limit and begins at 1 MiB", "[format][kho][bitmaps]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV1, {Block(0x40000000, 0)}, KhoBitmaps::k4096);
  SECTION("at the beginning") {
    machine.PutU64(StartOf(0), 0);
    REQUIRE(machine.Decode().ok());
    CHECK(machine.found.Of(KeptKind::kUncertain) == std::vector{Uncertain(kMiB, kSpan4096)});
  }
  SECTION("at the end") {
    machine.PutU32(kOrder, 39);
    machine.PutU64(StartOf(0), 0);
    REQUIRE(machine.Decode().ok());
    CHECK(machine.found.Of(KeptKind::kUncertain) == std::vector{Uncertain(kMiB, kPhysLimit)});
  }
}

TEST_CASE("One proof settles the size of every bitmap", "[format][kho][bitmaps]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV1, {Block(0x40000000, 0), Block(0x91000000, 1)}, KhoBitmaps::k512);
  REQUIRE(machine.Decode().ok());
  CHECK(machine.found.Of(KeptKind::kMemory) == std::vector{Block(0x40000000, 0), Block(0x91000000, 1)});
}

TEST_CASE("A bitmap of 512 bytes is read no further", "[format][kho][bitmaps]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV1, {Block(0x41000000, 0)}, KhoBitmaps::k512);
  machine.PutU64(kBitmap + 512, ~std::uint64_t{0});
  REQUIRE(machine.Decode().ok());
  CHECK(machine.facts.num_blocks == 1);
}

TEST_CASE("The caller's word against a proof is refused", "[format][kho][bitmaps]") {
  KhoMachine machine;
  SECTION("by the start") {
    machine.Write(KhoDialect::kV1, {Block(0x41000000, 0)}, KhoBitmaps::k512);
    CheckError(machine.Decode(KhoBitmaps::k4096), Errc::kMalformed, StartOf(0));
  }
  SECTION("by the bitmap") {
    machine.Write(KhoDialect::kV1, {Block(0x40000000, 0), Block(0x80000000, 0)}, KhoBitmaps::k512);
    CheckError(machine.Decode(KhoBitmaps::k4096), Errc::kMisaligned, kBitmap + 512);
  }
}

TEST_CASE("Nothing preserved is a map of nothing", "[format][kho][bitmaps]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV1, {});
  REQUIRE(machine.Decode().ok());
  CHECK(machine.found.Of(KeptKind::kMemory).empty());
  CHECK(machine.facts.num_structures == 3);
}

TEST_CASE("What breaks a rule of the list is refused with its place", "[format][kho][bitmaps]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV1, {Block(0x41000000, 0), Block(0x43000000, 0), Block(0x80000000, 2)}, KhoBitmaps::k512);
  const std::uint64_t second = machine.U64(kNext);
  REQUIRE(machine.Decode().ok());

  SECTION("256 elements") {
    machine.PutU32(kCount, 256);
    CheckError(machine.Decode(), Errc::kMalformed, kCount);
  }
  SECTION("an order of 40") {
    machine.PutU32(second + 8, 40);
    CheckError(machine.Decode(), Errc::kMalformed, second + 8);
  }
  SECTION("orders that descend") {
    machine.PutU32(kOrder, 3);
    machine.PutU64(StartOf(0), 0);
    machine.PutU64(StartOf(1), 0x80000000);
    CheckError(machine.Decode(), Errc::kMalformed, second + 8);
  }
  SECTION("a start that is no multiple of 16 MiB") {
    machine.PutU64(StartOf(0), 0x40800000);
    CheckError(machine.Decode(), Errc::kMalformed, StartOf(0));
  }
  SECTION("a start past the limit") {
    machine.PutU64(StartOf(1), kPhysLimit);
    CheckError(machine.Decode(), Errc::kOutOfBounds, kPhysLimit);
  }
  SECTION("a start that is not 0 where one span is all memory") {
    machine.PutU32(second + 8, 39);
    machine.PutU64(second + 16, 0x80000000);
    CheckError(machine.Decode(), Errc::kMalformed, second + 16);
  }
  SECTION("starts that descend") {
    machine.PutU64(StartOf(1), 0x40000000);
    CheckError(machine.Decode(), Errc::kMalformed, StartOf(1));
  }
  SECTION("a start twice") {
    machine.PutU64(StartOf(1), 0x41000000);
    CheckError(machine.Decode(), Errc::kMalformed, StartOf(1));
  }
  SECTION("an element without a bitmap") {
    machine.PutU64(BitmapOf(1), 0);
    CheckError(machine.Decode(), Errc::kMalformed, BitmapOf(1));
  }
  SECTION("a bitmap that is no multiple of 512") {
    machine.PutU64(BitmapOf(1), kBitmap + 256);
    CheckError(machine.Decode(), Errc::kMisaligned, kBitmap + 256);
  }
  SECTION("a bitmap past the limit") {
    machine.PutU64(BitmapOf(1), kPhysLimit);
    CheckError(machine.Decode(), Errc::kOutOfBounds, kPhysLimit);
  }
  SECTION("a bitmap that is nowhere") {
    machine.PutU64(BitmapOf(1), 0x666000);
    CheckError(machine.Decode(), Errc::kUnreadable, 0x666000);
  }
  SECTION("one bitmap of two elements") {
    machine.PutU64(BitmapOf(1), kBitmap);
    CheckError(machine.Decode(), Errc::kCycle, kBitmap);
  }
  SECTION("a chunk that is not a page") {
    machine.PutU64(kNext, second + 512);
    CheckError(machine.Decode(), Errc::kMisaligned, second + 512);
  }
  SECTION("a chunk that is nowhere") {
    machine.PutU64(kNext, 0x666000);
    CheckError(machine.Decode(), Errc::kUnreadable, 0x666000);
  }
  SECTION("a chunk past the limit") {
    machine.PutU64(kNext, kPhysLimit);
    CheckError(machine.Decode(), Errc::kOutOfBounds, kPhysLimit);
  }
  SECTION("a chunk that follows itself") {
    machine.PutU64(kNext, kChunk);
    CheckError(machine.Decode(), Errc::kCycle, kChunk);
  }
  SECTION("a list that comes back to its first chunk") {
    machine.PutU64(second, kChunk);
    CheckError(machine.Decode(), Errc::kCycle, second);
  }
  SECTION("a block below 1 MiB") {
    machine.PutU64(StartOf(0), 0);
    CheckError(machine.Decode(), Errc::kOutOfBounds, 0);
  }
  SECTION("a block past the limit") {
    machine.PutU32(second + 8, 39);
    machine.PutU64(second + 16, 0);
    machine.PutU64(machine.U64(second + 24), 6);  // at 2^51, and at 2^52
    CheckError(machine.Decode(), Errc::kOutOfBounds, kPhysLimit);
  }
}

TEST_CASE("Elements behind the last one are not looked at", "[format][kho][bitmaps]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV1, {Block(0x41000000, 0)}, KhoBitmaps::k512);
  machine.PutU64(StartOf(1), 0x12345);
  machine.PutU64(BitmapOf(1), 0x666001);
  REQUIRE(machine.Decode().ok());
  CHECK(machine.facts.num_blocks == 1);
}

TEST_CASE("A long way into a cycle does not hide it", "[format][kho][bitmaps]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV1, {});
  constexpr std::uint64_t kFirst = 0x20000000;
  machine.memory.Add(kFirst, 100);
  machine.PutU64(kNext, kFirst);
  for (std::uint64_t i = 0; i < 99; ++i) {
    machine.PutU64(kFirst + i * kPageSize, kFirst + (i + 1) * kPageSize);
  }
  SECTION("to the middle") {
    machine.PutU64(kFirst + 99 * kPageSize, kFirst + 90 * kPageSize);
    CheckError(machine.Decode(), Errc::kCycle, kFirst + 99 * kPageSize);
  }
  SECTION("to itself") {
    machine.PutU64(kFirst + 99 * kPageSize, kFirst + 99 * kPageSize);
    CheckError(machine.Decode(), Errc::kCycle, kFirst + 99 * kPageSize);
  }
}

}  // namespace
}  // namespace holdfast
