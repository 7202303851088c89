// SPDX-License-Identifier: BSD-2-Clause
// What is found and passed over, and what must be made readable first.

#include <catch2/catch.hpp>

#include <array>
#include <vector>

#include "common/format/read-handovers.h"
#include "tests/unit/format/handover-reading.h"

namespace holdfast {
namespace {

using test::AlignedBytes;
using test::Between;
using test::CheckError;
using test::KhoMachine;
using test::Reading;

TEST_CASE("A KHO handover that its sender was not told to finalize keeps nothing", "[format][read-handovers]") {
  Reading reading;
  SECTION("no tree") {
    reading.AddKho();
    reading.machine.memory.Put(KhoMachine::kTree, std::array<std::byte, kPageSize>{});
  }
  SECTION("no map") {
    reading.AddKho(KhoDialect::kV1);
    const Le64 map(0);
    reading.machine.WriteTree([&map](FdtWriter& tree) {
      tree.String("compatible", "kho-v1");
      tree.Bytes("preserved-memory-map", std::as_bytes(std::span(&map, 1)));
    });
  }
  REQUIRE(reading.Run().ok());
  CHECK(reading.found[0].is_unfinished);
  CHECK(reading.kept.empty());
  CHECK(reading.native_scratch.view().empty());
  CHECK(reading.handover.dialect.empty());
  CHECK_FALSE(reading.handover.native);
}

TEST_CASE("A KHO handover without a tree or a map that its sender must have had is refused",
          "[format][read-handovers]") {
  Reading reading;
  reading.AddKho();
  SECTION("no tree") { reading.machine.PutU64(KhoMachine::kTree, 0); }
  SECTION("no map") {
    const Le64 map(0);
    reading.machine.WriteTree([&map](FdtWriter& tree) {
      tree.String("compatible", "kho-v4");
      tree.Bytes("preserved-memory-map", std::as_bytes(std::span(&map, 1)));
    });
  }
  CheckError(reading.Run(), Errc::kNotFinalized, KhoMachine::kTree);
  CHECK(reading.problem.what == "KHO handover");
  CHECK(reading.problem.range == reading.machine.record.fdt);
  CHECK_FALSE(reading.found[0].is_unfinished);
}

TEST_CASE("What an earlier stage has fenced is not read", "[format][read-handovers]") {
  Reading reading;
  const Carrier carrier = GENERATE(Carrier::kPkram, Carrier::kPmpool, Carrier::kPrmem);
  const PhysRange page = Between(0x50000000, 0x50001000);  // of which there are no bytes
  REQUIRE(reading.found.Append({.carrier = carrier, .at = page}).ok());
  CHECK_FALSE(reading.Run().ok());
  reading.kept.Clear();
  reading.found[0].is_fenced = true;
  REQUIRE(reading.Run().ok());
  CHECK(reading.kept.empty());
  CHECK(reading.handover.dialect.empty());
}

TEST_CASE("A device tree without a pool keeps nothing", "[format][read-handovers]") {
  Reading reading;
  AlignedBytes tree_bytes(kPageSize);
  FdtWriter writer(tree_bytes.span());
  writer.BeginNode("");
  writer.EndNode();
  const auto tree = writer.Finish().value();
  const auto page = reading.arena.Take().value();
  std::memcpy(page.bytes, tree.data(), tree.size());
  const PhysRange at = PhysRange::FromStartSize(page.at, tree.size()).value();
  REQUIRE(reading.found.Append({.carrier = Carrier::kDeviceTree, .at = at}).ok());
  REQUIRE(reading.Run().ok());
  CHECK(reading.handover.dialect.empty());
  CHECK(reading.kept.empty());
}

TEST_CASE("A device tree that does not read keeps nothing", "[format][read-handovers]") {
  Reading reading;
  const auto page = reading.arena.Take().value();
  std::memset(page.bytes, 0xd0, kPageSize);
  const PhysRange at = PhysRange::FromStartSize(page.at, kPageSize).value();
  REQUIRE(reading.found.Append({.carrier = Carrier::kDeviceTree, .at = at}).ok());
  reading.found[0].has_pool_option = GENERATE(false, true);
  REQUIRE(reading.Run().ok());
  CHECK(reading.handover.dialect.empty());
  CHECK(reading.kept.empty());
}

TEST_CASE("Lists behind a fence are found before they are read", "[format][read-handovers]") {
  Reading reading;
  reading.map.emplace(std::vector<MemEntry>{{Between(0x100000, 0x20000000), MemType::kUsable},
                                            {Between(0x20000000, 0x30000000), MemType::kReserved},
                                            {Between(0x30000000, 0x31000000), MemType::kAcpi}});
  const auto list = [](const char* name, std::uint64_t start, std::uint64_t size) {
    return HandoverV1Node{.name = name,
                          .owner = {},
                          .ranges = {},
                          .sha256 = {},
                          .range_list = RangeListPlace{Between(start, start + size)}};
  };
  const std::array nodes = {list("in-ram", 0x10000000, 100), list("fenced", 0x20000800, 0x1000),
                            list("half", 0x1ffff800, 0x1000), list("firmware", 0x30000000, 16),
                            list("nothing", 0x40000000, 16)};
  reading.AddTree({.created_by = {}, .policy = {}, .preserved = nodes, .scratch = {}, .ram = {}});
  test::BlockList lists;
  const PhysMemory memory = reading.machine.memory.memory();
  REQUIRE(FindFencedLists(reading.found, memory, reading.map->map(), lists.sink()).ok());
  REQUIRE(lists.all().size() == 2);
  CHECK(lists.all()[0].range == Between(0x20000000, 0x20002000));
  CHECK(lists.all()[1].range == Between(0x1ffff000, 0x20001000));
  // A tree that does not read is refused later on.
  reading.found[0].at = Between(0x50000000, 0x50001000);
  REQUIRE(FindFencedLists(reading.found, memory, reading.map->map(), lists.sink()).ok());
  CHECK(lists.all().size() == 2);
}

}  // namespace
}  // namespace holdfast
