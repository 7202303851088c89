// SPDX-License-Identifier: BSD-2-Clause
// Tests of the map of kho-v2 and later.

#include <catch2/catch.hpp>

#include "tests/unit/format/kho-machine.h"

namespace holdfast {
namespace {

using test::Block;
using test::CheckError;
using test::KhoMachine;

constexpr std::uint64_t kRoot = KhoMachine::kMap;

std::uint64_t EntryOf(std::uint64_t table, std::uint64_t index) { return table + index * 8; }

// The path to a leaf with one bit, and no other nodes, written by hand: nodes lie behind each other from kRoot on.
void WritePath(KhoMachine& machine, const std::array<std::uint64_t, 5>& indices, std::uint64_t bit) {
  std::uint64_t node = kRoot;
  for (const std::uint64_t index : indices) {
    machine.PutU64(EntryOf(node, index), node + kPageSize);
    node += kPageSize;
  }
  machine.PutU64(node + bit / 64 * 8, std::uint64_t{1} << (bit % 64));
}

struct Key {
  std::uint64_t start;
  int order;
  std::array<std::uint64_t, 5> indices;  // of levels 5 to 1
  std::uint64_t bit;
};
const std::array kKeys = {
    Key{0x100000000, 0, {2, 0, 0, 0, 32}, 0},    Key{0x123456000, 0, {2, 0, 0, 0, 36}, 13398},
    Key{0x40000000, 9, {0, 2, 0, 0, 0}, 512},    Key{0x240000000, 10, {0, 1, 0, 0, 0}, 2304},
    Key{0x8000000000, 18, {0, 0, 2, 0, 0}, 512}, Key{0x7ffffffff000, 0, {2, 0, 3, 511, 511}, 32767}};

TEST_CASE("A key says where its block is", "[format][kho][radix]") {
  for (const Key& key : kKeys) {
    INFO(std::hex << key.start);
    KhoMachine machine;
    machine.Write(KhoDialect::kV4, {});
    WritePath(machine, key.indices, key.bit);
    REQUIRE(machine.Decode().ok());
    CHECK(machine.found.Of(KeptKind::kMemory) == std::vector{Block(key.start, key.order)});
  }
}

TEST_CASE("A block's key is written where readers look for it", "[format][kho][radix]") {
  for (const Key& key : kKeys) {
    INFO(std::hex << key.start);
    KhoMachine machine;
    machine.Write(KhoDialect::kV3, {Block(key.start, key.order)});
    std::uint64_t node = kRoot;
    for (const std::uint64_t index : key.indices) {
      node = machine.U64(EntryOf(node, index));
      REQUIRE(node != 0);
    }
    CHECK(machine.U64(node + key.bit / 64 * 8) == std::uint64_t{1} << (key.bit % 64));
  }
}

TEST_CASE("The tree of nodes is told page by page", "[format][kho][radix]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {Block(0x100000000, 0), Block(0x180000000, 10)});
  REQUIRE(machine.Decode().ok());
  // Tree, array, root, and two paths of five nodes.
  CHECK(machine.facts.num_structures == 13);
  CHECK(machine.found.Of(KeptKind::kStructure).size() == 13);
  CHECK(machine.facts.map == PhysAddr(kRoot));
  CHECK(machine.facts.num_blocks == 2);
  CHECK(machine.facts.compatible == "kho-v4");
}

TEST_CASE("Blocks side by side come as one, those of two leaves do not", "[format][kho][radix]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {Block(0x7fff000, 0, 3), Block(0x8100000, 0)});
  REQUIRE(machine.Decode().ok());
  CHECK(machine.found.Of(KeptKind::kMemory) ==
        std::vector{Block(0x7fff000, 0), Block(0x8000000, 0, 2), Block(0x8100000, 0)});
  CHECK(machine.facts.num_blocks == 4);
}

TEST_CASE("Tables and leaves of nothing are legal", "[format][kho][radix]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {});
  machine.PutU64(EntryOf(kRoot, 2), kRoot + kPageSize);
  REQUIRE(machine.Decode().ok());
  CHECK(machine.found.Of(KeptKind::kMemory).empty());
  CHECK(machine.facts.num_structures == 4);
}

TEST_CASE("The largest order is read, one more is no order", "[format][kho][radix]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {});
  // 2^51 bytes at 2^51.
  WritePath(machine, {0, 0, 0, 0, 0}, (1 << 13) + 1);
  REQUIRE(machine.Decode().ok());
  CHECK(machine.found.Of(KeptKind::kMemory) == std::vector{Block(std::uint64_t{1} << 51, 39)});

  KhoMachine larger;
  larger.Write(KhoDialect::kV4, {});
  WritePath(larger, {0, 0, 0, 0, 0}, (1 << 13) - 1);
  CheckError(larger.Decode(), Errc::kMalformed, kRoot + 5 * kPageSize + ((1 << 13) - 64) / 8);
}

TEST_CASE("What breaks a rule of the radix tree is refused with its place", "[format][kho][radix]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {Block(0x100000000, 0)});
  const std::uint64_t level4 = kRoot + kPageSize;
  const std::uint64_t leaf = kRoot + 5 * kPageSize;
  REQUIRE(machine.U64(EntryOf(kRoot, 2)) == level4);
  REQUIRE(machine.U64(leaf) == 1);

  SECTION("a key of 0") {
    machine.PutU64(EntryOf(kRoot, 2), 0);
    machine.PutU64(EntryOf(kRoot, 0), level4);
    machine.PutU64(EntryOf(leaf - kPageSize, 0), leaf);
    CheckError(machine.Decode(), Errc::kMalformed, leaf);
  }
  SECTION("an address past 2^63") {
    machine.PutU64(EntryOf(kRoot, 3), level4);
    machine.PutU64(EntryOf(kRoot, 2), 0);
    CheckError(machine.Decode(), Errc::kMalformed, EntryOf(kRoot, 3));
  }
  SECTION("a key of more bits than there are") {
    machine.PutU64(EntryOf(kRoot, 511), level4);
    machine.PutU64(EntryOf(kRoot, 2), 0);
    CheckError(machine.Decode(), Errc::kMalformed, EntryOf(kRoot, 511));
  }
  SECTION("a block past the limit") {
    machine.PutU64(EntryOf(level4, 511), machine.U64(EntryOf(level4, 0)));
    machine.PutU64(EntryOf(level4, 0), 0);
    // 511 << 42 pages and 32 << 15.
    CheckError(machine.Decode(), Errc::kOutOfBounds, (std::uint64_t{511} << 54) + 0x100000000);
  }
  SECTION("a block below 1 MiB") {
    machine.PutU64(EntryOf(leaf - kPageSize, 32), 0);
    machine.PutU64(EntryOf(leaf - kPageSize, 0), leaf);
    machine.PutU64(leaf, 0);
    machine.PutU64(leaf + 24, std::uint64_t{1} << 63);
    CheckError(machine.Decode(), Errc::kOutOfBounds, 0xff000);
  }
  SECTION("a pointer into a page") {
    machine.PutU64(EntryOf(level4, 0), kRoot + 0x800);
    CheckError(machine.Decode(), Errc::kMisaligned, kRoot + 0x800);
  }
  SECTION("a pointer with a flag bit") {
    machine.PutU64(EntryOf(level4, 0), machine.U64(EntryOf(level4, 0)) | 1);
    CheckError(machine.Decode(), Errc::kMisaligned, kRoot + 2 * kPageSize + 1);
  }
  SECTION("a pointer past the limit") {
    machine.PutU64(EntryOf(level4, 0), kPhysLimit);
    CheckError(machine.Decode(), Errc::kOutOfBounds, kPhysLimit);
  }
  SECTION("a wild pointer") {
    machine.PutU64(EntryOf(level4, 0), 0x123000);
    CheckError(machine.Decode(), Errc::kUnreadable, 0x123000);
  }
  SECTION("a node that points at itself") {
    machine.PutU64(EntryOf(level4, 0), level4);
    CheckError(machine.Decode(), Errc::kCycle, level4);
  }
  SECTION("a node that points at the root") {
    machine.PutU64(EntryOf(leaf - kPageSize, 0), kRoot);
    CheckError(machine.Decode(), Errc::kCycle, kRoot);
  }
  SECTION("two entries for one leaf") {
    machine.PutU64(EntryOf(leaf - kPageSize, 33), leaf);
    CheckError(machine.Decode(), Errc::kCycle, leaf);
  }
  SECTION("the tree's own page as a node") {
    machine.PutU64(EntryOf(level4, 0), KhoMachine::kTree);
    CheckError(machine.Decode(), Errc::kCycle, KhoMachine::kTree);
  }
}

TEST_CASE("Nodes that are shared far apart still end the walk", "[format][kho][radix]") {
  // Each table names two pages in turn that lie in one place of the memory of what was met.
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {});
  constexpr std::uint64_t kFar = 0x10000000;
  machine.memory.Add(kFar, 128 * 2 * 5);
  std::uint64_t table = kRoot;
  for (std::uint64_t level = 0; level < 5; ++level) {
    const std::uint64_t below = kFar + level * 256 * kPageSize;
    for (const std::uint64_t at : level == 0 ? std::vector{kRoot} : std::vector{table, table + 128 * kPageSize}) {
      for (std::uint64_t i = 0; i < (level == 0 ? 3 : 512); ++i) {
        machine.PutU64(EntryOf(at, i), below + (i % 2) * 128 * kPageSize);
      }
    }
    table = below;
  }
  CheckError(machine.Decode(), Errc::kTooLarge, kMaxKhoStructures * kPageSize);
}

TEST_CASE("What a sink refuses ends the walk", "[format][kho][radix]") {
  KhoMachine machine;
  machine.Write(KhoDialect::kV4, {Block(0x100000000, 0)});
  const BlockSink sink([](void*, const KeptBlock&) -> Status { return Error{Errc::kTableFull, 5}; }, nullptr);
  CheckError(
      DecodeKho(machine.record, KhoBitmaps::kUnknown, machine.memory.memory(), machine.scratch, sink, machine.facts),
      Errc::kTableFull, 5);
}

}  // namespace
}  // namespace holdfast
