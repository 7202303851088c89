// SPDX-License-Identifier: BSD-2-Clause
// From the handovers that were found to the one that is decided upon.

#include "common/format/read-handovers.h"

#include <catch2/catch.hpp>

#include <array>
#include <vector>

#include "common/format/pkram.h"
#include "tests/unit/format/handover-reading.h"

namespace holdfast {
namespace {

using test::AlignedBytes;
using test::Between;
using test::Block;
using test::CheckError;
using test::kFirst;
using test::KhoMachine;
using test::kPayload;
using test::Reading;

const std::vector<PhysRange> kKhoRanges = {Between(kFirst, kFirst + 0x1000),
                                           Between(kFirst + 0x100000, kFirst + 0x110000)};

TEST_CASE("KHO is kept with its structures, and its scratch is for who can read it", "[format][read-handovers]") {
  Reading reading;
  reading.AddKho();
  REQUIRE(reading.Run().ok());
  CHECK(reading.handover.dialect.view() == "kho-v4");
  CHECK(reading.KeptOf(0, KeptKind::kMemory) == kKhoRanges);
  CHECK(reading.kept.FirstOverlap(Between(KhoMachine::kTree, KhoMachine::kTree + 1))->kind == KeptKind::kStructure);
  CHECK(reading.kept.FirstOverlap(Between(KhoMachine::kArray, KhoMachine::kArray + 1))->kind == KeptKind::kStructure);
  REQUIRE(reading.handover.native);
  CHECK(reading.handover.native->source == 0);
  CHECK(reading.handover.native->compatible == "kho-v4");
  CHECK_FALSE(reading.handover.native->is_ambiguous);
  REQUIRE(reading.handover.native->scratch.size() == 1);
  CHECK(reading.handover.native->scratch[0] == reading.machine.areas[0]);
  CHECK(reading.scratch.view().empty());
  CHECK(reading.NameAt(kFirst) == "kho-v4");
  CHECK(reading.NameAt(KhoMachine::kTree) == "kho-v4 structure");
  CHECK(FirstTree(reading.found) == nullptr);
}

TEST_CASE("kho-v1 is native only on demand", "[format][read-handovers]") {
  Reading reading;
  reading.AddKho(KhoDialect::kV1);
  reading.found[0].bitmaps = GENERATE(KhoBitmaps::kUnknown, KhoBitmaps::k4096);
  REQUIRE(reading.Run().ok());
  CHECK(reading.handover.dialect.view() == "kho-v1");
  CHECK(reading.handover.native->is_ambiguous);
  // Whose bitmaps are not known keeps all that they may speak of.
  const bool is_known = reading.found[0].bitmaps == KhoBitmaps::k4096;
  CHECK(reading.KeptOf(0, KeptKind::kUncertain).empty() == is_known);
}

TEST_CASE("Several handovers make one, each with its source, under the first one's policy",
          "[format][read-handovers]") {
  Reading reading;
  const std::array guest = {Between(kFirst + 0x200000, kFirst + 0x201000)};
  const std::array nodes = {HandoverV1Node{.name = "guest0", .owner = {}, .ranges = guest, .sha256 = {}}};
  Policy policy;
  policy.mode = ModeWish::kFence;
  policy.foreign_fence = Fence::kHeld;
  reading.AddTree({.created_by = {}, .policy = policy, .preserved = nodes, .scratch = {}, .ram = {}});
  reading.AddKho();
  REQUIRE(reading.Run().ok());
  CHECK(reading.handover.dialect.view() == "holdfast,handover-v1+kho-v4");
  CHECK(reading.handover.policy.mode == ModeWish::kFence);
  CHECK(reading.handover.native->source == 1);
  CHECK(reading.KeptOf(0, KeptKind::kMemory) == std::vector<PhysRange>(guest.begin(), guest.end()));
  CHECK(reading.KeptOf(1, KeptKind::kMemory) == kKhoRanges);
  CHECK(reading.kept.FirstOverlap(guest[0])->fence == Fence::kReserved);
  CHECK(reading.kept.FirstOverlap(kKhoRanges[0])->fence == Fence::kHeld);
  CHECK(reading.NameAt(guest[0].start().raw()) == "guest0");
  CHECK(FirstTree(reading.found) == &reading.found[0]);
}

TEST_CASE("What comes from outside is fenced as reserved, and no kernel takes it by itself",
          "[format][read-handovers]") {
  Reading reading;
  const std::array guest = {Between(kFirst + 0x200000, kFirst + 0x201000)};
  const std::array nodes = {
      HandoverV1Node{.name = "guest0", .owner = {}, .fence = Fence::kPram, .ranges = guest, .sha256 = {}}};
  Policy policy;
  policy.mode = ModeWish::kNative;
  policy.foreign_fence = Fence::kHeld;
  SECTION("a tree and KHO") {
    reading.AddTree({.created_by = {}, .policy = policy, .preserved = nodes, .scratch = {}, .ram = {}});
    reading.found[0].is_outside = true;
  }
  SECTION("KHO, under the policy of a tree from inside") {
    reading.AddTree({.created_by = {}, .policy = policy, .preserved = {}, .scratch = {}, .ram = {}});
  }
  reading.AddKho();
  reading.found[1].is_outside = true;
  REQUIRE(reading.Run().ok());
  CHECK_FALSE(reading.handover.native);
  CHECK(reading.handover.has_policy != reading.found[0].is_outside);
  CHECK((reading.handover.policy.mode == ModeWish::kAuto) == reading.found[0].is_outside);
  CHECK(reading.KeptOf(1, KeptKind::kMemory) == kKhoRanges);
  for (const KeptRange& each : reading.kept.view()) {
    CHECK(each.fence == Fence::kReserved);
  }
}

TEST_CASE("What is lost is left out, by the tree and the name", "[format][read-handovers]") {
  Reading reading;
  const std::array first = {Between(kFirst, kFirst + 0x1000)};
  const std::array second = {Between(kFirst + 0x2000, kFirst + 0x3000)};
  const auto add = [&reading](std::span<const PhysRange> ranges) {
    const std::array nodes = {HandoverV1Node{.name = "guest0", .owner = {}, .ranges = ranges, .sha256 = {}}};
    reading.AddTree({.created_by = {}, .policy = {}, .preserved = nodes, .scratch = {}, .ram = {}});
  };
  add(first);
  add(second);
  REQUIRE(reading.Run().ok());
  REQUIRE(reading.kept.size() == 2);
  const KeptRange gone = *reading.kept.FirstOverlap(second[0]);
  reading.lost = {{gone.source, gone.node}};
  reading.kept.Clear();
  REQUIRE(reading.Run().ok());
  REQUIRE(reading.kept.size() == 1);
  CHECK(reading.kept.view()[0].range == first[0]);
}

TEST_CASE("Two handovers of the same memory with different fences are refused by their names",
          "[format][read-handovers]") {
  Reading reading;
  const std::array guest = {Between(kFirst, kFirst + 0x2000)};
  const std::array nodes = {
      HandoverV1Node{.name = "guest0", .owner = {}, .fence = Fence::kPmem, .ranges = guest, .sha256 = {}}};
  reading.AddTree({.created_by = {}, .policy = {}, .preserved = nodes, .scratch = {}, .ram = {}});
  reading.AddKho();
  CheckError(reading.Run(), Errc::kKeptOverlap, kFirst);
  // The shorter one begins no later, so it comes first.
  CHECK(reading.problem.what == "kho-v4");
  CHECK(reading.problem.other == "guest0");
}

TEST_CASE("A version of KHO that is not known is refused by its name", "[format][read-handovers]") {
  Reading reading;
  reading.machine.WriteTree([](FdtWriter& tree) {
    tree.String("compatible", "kho-v5");
    const Le64 map(KhoMachine::kMap);
    tree.Bytes("preserved-memory-map", std::as_bytes(std::span(&map, 1)));
  });
  reading.machine.record.fdt = Between(KhoMachine::kTree, KhoMachine::kMap);
  reading.machine.record.scratch = Between(KhoMachine::kArray, KhoMachine::kArray + 16);
  reading.PutRecord();
  const Status status = reading.Run();
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == Errc::kUnknownCompatible);
  CHECK(reading.problem.code == Errc::kUnknownCompatible);
  CHECK(reading.problem.what == "kho-v5");
  CHECK(reading.problem.range == reading.machine.record.fdt);
  CHECK_FALSE(reading.handover.native);
}

TEST_CASE("A refusal of KHO says whether it means an address or an offset", "[format][read-handovers]") {
  Reading reading;
  reading.AddKho();
  SECTION("the size of a record") {
    reading.found[0].at = Between(kPayload, kPayload + 40);
    CheckError(reading.Run(), Errc::kMalformed, 40);
    CHECK_FALSE(reading.problem.is_address);
  }
  SECTION("a property of the tree") {
    reading.machine.WriteTree([](FdtWriter& tree) {
      tree.String("compatible", "kho-v4");
      tree.U32("preserved-memory-map", 1);
    });
    const Status status = reading.Run();
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Errc::kMalformed);
    CHECK(status.error().where < kPageSize);
    CHECK_FALSE(reading.problem.is_address);
  }
  SECTION("an entry of the map") {
    reading.machine.PutU64(KhoMachine::kMap + 24, KhoMachine::kMap + kPageSize);
    CheckError(reading.Run(), Errc::kMalformed, KhoMachine::kMap + 24);
    CHECK(reading.problem.is_address);
  }
}

TEST_CASE("PKRAM's page table is read with the levels of the last kernel", "[format][read-handovers]") {
  Reading reading;
  const std::array blocks = {Block(kFirst, 0), Block(kFirst + 0x10000, 2)};
  const PkramForm form = GENERATE(PkramForm::kPageTable, PkramForm::kRegionList);
  const auto super = EncodePkram({.form = form, .levels = 5, .blocks = blocks}, reading.arena);
  REQUIRE(super.ok());
  const PhysRange page = PhysRange::FromStartSize(super.value(), kPageSize).value();
  REQUIRE(reading.found.Append({.carrier = Carrier::kPkram, .at = page}).ok());
  if (form == PkramForm::kPageTable) {
    CheckError(reading.Run(), Errc::kUnsupported, 0);
    CHECK(reading.problem.what == "PKRAM handover");
    reading.kept.Clear();
  }
  reading.levels = 5;
  REQUIRE(reading.Run().ok());
  CHECK(reading.handover.dialect.view() == (form == PkramForm::kPageTable ? "pkram-pgt" : "pkram-regions"));
  CHECK(reading.kept.FirstOverlap(Between(kFirst, kFirst + 1)));
  CHECK(reading.kept.FirstOverlap(page));
  CHECK_FALSE(reading.handover.native);
}

TEST_CASE("A pool in a device tree is found wherever the tree lies", "[format][read-handovers]") {
  Reading reading;
  const PhysRange pool = Between(0x20000000, 0x20400000);
  const Pmpool written{pool, Between(0x20000000, 0x20000080)};
  const auto bytes = reading.machine.memory.Add(pool.start().raw(), pool.size() / kPageSize);
  const std::array blocks = {Block(pool.start().raw() + 0x10000, 0)};
  REQUIRE(EncodePmpoolBitmap(written, blocks, bytes).ok());
  AlignedBytes tree_bytes(kPageSize);
  const auto tree = EncodePmpoolNode(written, tree_bytes.span()).value();
  const std::uint64_t shift = GENERATE(0, 3);
  const auto page = reading.arena.Take().value();
  std::memcpy(page.bytes + shift, tree.data(), tree.size());
  const PhysRange at = PhysRange::FromStartSize(PhysAddr(page.at.raw() + shift), tree.size()).value();
  REQUIRE(reading.found.Append({.carrier = Carrier::kDeviceTree, .at = at}).ok());

  SECTION("as a whole") {
    REQUIRE(reading.Run().ok());
    CHECK(reading.handover.dialect.view() == "pmpool");
    CHECK(reading.KeptOf(0, KeptKind::kMemory) == std::vector<PhysRange>{pool});
    CHECK(reading.kept.bytes() == pool.size());
    CHECK(reading.NameAt(pool.start().raw()) == "pmpool");
  }
  SECTION("but not read where it is fenced") {
    reading.map.emplace(std::vector<MemEntry>{{Between(0x100000, 0x20000000), MemType::kUsable},
                                              {Between(0x20000000, 0x20400000), MemType::kReserved},
                                              {Between(0x20400000, 0x40000000), MemType::kUsable}});
    REQUIRE(reading.Run().ok());
    CHECK(reading.kept.empty());
    CHECK(reading.found[0].is_fenced);
    CHECK(reading.found[0].carrier == Carrier::kPmpool);
    CHECK(reading.found[0].at == pool);
  }
  SECTION("unless there is no room to align it, and nobody waits for it") {
    reading.aligned = AlignedBytes(16);
    REQUIRE(reading.Run().ok());
    CHECK(reading.kept.empty() == (shift != 0));
  }
  SECTION("or refused where there is no room to align it") {
    reading.aligned = AlignedBytes(16);
    reading.found[0].has_pool_option = true;
    const Status status = reading.Run();
    CHECK(status.ok() == (shift == 0));
    if (shift != 0) {
      CheckError(status, Errc::kTooLarge, 16);
    }
  }
}

TEST_CASE("A tree whose digest differs is refused", "[format][read-handovers]") {
  Reading reading;
  reading.AddTree({.created_by = {}, .policy = {}, .preserved = {}, .scratch = {}, .ram = {}});
  reading.found[0].digest[0] ^= std::byte{1};
  CheckError(reading.Run(), Errc::kBadDigest, reading.found[0].at.start().raw());
  CHECK(reading.problem.what == "handover");
}

}  // namespace
}  // namespace holdfast
