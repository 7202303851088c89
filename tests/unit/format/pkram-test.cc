// SPDX-License-Identifier: BSD-2-Clause

#include "common/format/pkram.h"

#include <functional>

#include "common/abi/pkram.h"
#include "tests/support/arena-memory.h"
#include "tests/support/ranges.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::ArenaMemory;
using test::Between;
using test::BlockList;
using test::BlockOf;
using test::CheckError;

constexpr std::uint64_t kArena = 0x10000000;

struct Decoded {
  Status status = kDone;
  BlockList blocks;
  PkramFacts facts;
};

void Decode(ArenaMemory& memory, PhysAddr super, int levels, Decoded& out) {
  out.status = DecodePkram(super, levels, memory.memory(), out.blocks.sink(), out.facts);
}

Status StatusOf(ArenaMemory& memory, std::uint64_t super, int levels = 4) {
  Decoded out;
  Decode(memory, PhysAddr(super), levels, out);
  return out.status;
}

// A file of pages of several orders, two of them one behind the other.
const std::vector<KeptBlock>& Blocks() {
  static const std::vector<KeptBlock> kBlocks = {BlockOf(0x40001000, 0), BlockOf(0x40002000, 1), BlockOf(0x40200000, 9),
                                                 BlockOf(0x200000000, 2)};
  return kBlocks;
}
const std::vector<PhysRange>& Ranges() {
  static const std::vector<PhysRange> kRanges = {Between(0x40001000, 0x40004000), Between(0x40200000, 0x40400000),
                                                 Between(0x200000000, 0x200004000)};
  return kRanges;
}

TEST_CASE("pkram= is a page frame number in hexadecimal", "[format][pkram]") {
  CHECK_FALSE(FindPkramOption("ro pkrams=1").value());
  CHECK(FindPkramOption("ro pkram=1a2b").value() == PhysAddr(0x1a2b000));
  CHECK(FindPkramOption("pkram=0x1A2b quiet").value() == PhysAddr(0x1a2b000));
  CHECK(FindPkramOption("pkram=ffffffffff").value() == PhysAddr(kPhysLimit - kPageSize));
  CHECK(FindPkramOption("pkram=zz pkram=2").value() == PhysAddr(0x2000));
  CHECK_FALSE(FindPkramOption("pkram=2 pkram=0").value());
  for (const char* bad : {"ro pkram", "ro pkram=", "ro pkram=0x", "ro pkram=12g", "ro pkram=1,2",
                          "ro pkram=10000000000", "ro pkram=10000000000000000"}) {
    INFO(bad);
    CheckError(FindPkramOption(bad), Errc::kMalformed, 3);
  }
}

TEST_CASE("A list of regions is read as it was written", "[format][pkram]") {
  ArenaMemory memory(kArena, 16);
  const auto super = EncodePkram({.blocks = Blocks()}, memory.arena());
  REQUIRE(super.ok());
  Decoded out;
  Decode(memory, super.value(), 0, out);
  REQUIRE(out.status.ok());
  auto expected = Ranges();
  expected.insert(expected.begin(), memory.arena().used_range());
  CHECK(out.blocks.Joined(KeptKind::kMemory) == expected);
  CHECK(out.facts.form == PkramForm::kRegionList);
  CHECK(out.facts.first_node == PhysAddr(kArena + 0x1000));
  // Super block and list page, wherever the runs are.
  CHECK(out.facts.num_structures == 2);
  CHECK(out.blocks.Count(KeptKind::kStructure) == 2);
}

TEST_CASE("A list goes on over as many pages as it needs", "[format][pkram]") {
  std::vector<KeptBlock> blocks;
  for (std::uint64_t i = 0; i < 600; ++i) {
    blocks.push_back(BlockOf(0x40000000 + i * 0x2000, 0));
  }
  ArenaMemory memory(kArena, 16);
  const auto super = EncodePkram({.blocks = blocks}, memory.arena());
  REQUIRE(super.ok());
  Decoded out;
  Decode(memory, super.value(), 0, out);
  REQUIRE(out.status.ok());
  CHECK(out.facts.num_structures == 4);
  CHECK(out.blocks.Joined(KeptKind::kMemory).size() == 601);
}

TEST_CASE("A page table is read with the levels that it has", "[format][pkram]") {
  const int levels = GENERATE(4, 5);
  ArenaMemory memory(kArena, 32);
  const auto super = EncodePkram({.form = PkramForm::kPageTable, .levels = levels, .blocks = Blocks()}, memory.arena());
  REQUIRE(super.ok());
  Decoded out;
  Decode(memory, super.value(), levels, out);
  REQUIRE(out.status.ok());
  auto expected = Ranges();
  // Neither super block nor root is in the table.
  expected.insert(expected.begin(), memory.arena().used_range().From(PhysAddr(kArena + 0x2000)));
  CHECK(out.blocks.Joined(KeptKind::kMemory) == expected);
  CHECK(out.blocks.Joined(KeptKind::kStructure) == std::vector{Between(kArena, kArena + 0x2000)});
  CHECK(out.facts.form == PkramForm::kPageTable);
  CHECK(std::count(out.blocks.all().begin(), out.blocks.all().end(), BlockOf(0x40200000, 9)) == 1);

  SECTION("and refused without them") { CheckError(StatusOf(memory, kArena, 0), Errc::kUnsupported, 0); }
  SECTION("and refused with a number that no processor has") {
    CheckError(StatusOf(memory, kArena, 3), Errc::kUnsupported, 3);
    CheckError(StatusOf(memory, kArena, 6), Errc::kUnsupported, 6);
  }
  SECTION("and found out when it is read with the other number") {
    const auto wrong = StatusOf(memory, kArena, 9 - levels);
    CHECK(test::RuleOf(wrong) == "malformed");
  }
}

TEST_CASE("A full bitmap is two mebibytes without an order", "[format][pkram]") {
  std::vector<KeptBlock> blocks;
  for (std::uint64_t i = 0; i < 512; ++i) {
    blocks.push_back(BlockOf(0x40000000 + i * 0x1000, 0));
  }
  ArenaMemory memory(kArena, 32);
  REQUIRE(EncodePkram({.form = PkramForm::kPageTable, .blocks = blocks}, memory.arena()).ok());
  Decoded out;
  Decode(memory, PhysAddr(kArena), 4, out);
  REQUIRE(out.status.ok());
  CHECK(std::count(out.blocks.all().begin(), out.blocks.all().end(),
                   KeptBlock{.range = Between(0x40000000, 0x40200000)}) == 1);
}

TEST_CASE("A super block of nothing is one", "[format][pkram]") {
  ArenaMemory memory(kArena, 1);
  SECTION("of 2020") {
    REQUIRE(StatusOf(memory, kArena, 0).ok());
    CHECK(ReadPkramSuperBlock(PhysAddr(kArena), memory.memory()).value().form == PkramForm::kPageTable);
  }
  SECTION("of 2021") {
    memory.Set64(kArena, kPkramMagic);
    REQUIRE(StatusOf(memory, kArena, 0).ok());
    CHECK(ReadPkramSuperBlock(PhysAddr(kArena), memory.memory()).value().form == PkramForm::kRegionList);
  }
}

TEST_CASE("A first node at 7 TiB is no magic", "[format][pkram]") {
  ArenaMemory memory(kArena, 2);
  memory.Set64(kArena, kPkramMagic);
  memory.Set64(kArena + 8, kArena / kPageSize + 1);
  const auto super = ReadPkramSuperBlock(PhysAddr(kArena), memory.memory());
  REQUIRE(super.ok());
  CHECK(super.value().form == PkramForm::kPageTable);
  CHECK(super.value().first_node == PhysAddr(std::uint64_t{kPkramMagic} * kPageSize));
}

TEST_CASE("A super block that cannot be one is refused", "[format][pkram]") {
  ArenaMemory memory(kArena, 2);
  SECTION("between pages") { CheckError(StatusOf(memory, kArena + 8), Errc::kMisaligned, kArena + 8); }
  SECTION("where nothing is") { CheckError(StatusOf(memory, kArena - 0x1000), Errc::kUnreadable, kArena - 0x1000); }
  SECTION("past the last address") { CheckError(StatusOf(memory, kPhysLimit), Errc::kOutOfBounds, kPhysLimit); }
  SECTION("bytes behind the fields of 2020") {
    *memory.At(kArena + 0xfff) = std::byte{1};
    CheckError(StatusOf(memory, kArena), Errc::kMalformed, kArena + 0xfff);
  }
  SECTION("a magic with more bits") {
    memory.Set64(kArena, kPkramMagic | std::uint64_t{1} << 32);
    memory.Set64(kArena + 16, 1);
    CheckError(StatusOf(memory, kArena), Errc::kMalformed, kArena + 16);
  }
  SECTION("nodes without a root, 2020") {
    memory.Set64(kArena, 5);
    CheckError(StatusOf(memory, kArena), Errc::kMalformed, kArena + 8);
  }
  SECTION("nodes without a list, 2021") {
    memory.Set64(kArena, kPkramMagic);
    memory.Set64(kArena + 8, 5);
    memory.Set64(kArena + 24, 1);
    CheckError(StatusOf(memory, kArena), Errc::kMalformed, kArena + 16);
  }
  SECTION("a count without a list") {
    memory.Set64(kArena, kPkramMagic);
    memory.Set64(kArena + 24, 1);
    CheckError(StatusOf(memory, kArena), Errc::kMalformed, kArena + 24);
  }
  SECTION("a node past the last address") {
    memory.Set64(kArena, kPhysLimit / kPageSize);
    memory.Set64(kArena + 8, kArena / kPageSize + 1);
    CheckError(StatusOf(memory, kArena), Errc::kOutOfBounds, kPhysLimit);
  }
  SECTION("a root that no address can have") {
    memory.Set64(kArena, kPkramMagic);
    memory.Set64(kArena + 16, ~std::uint64_t{0});
    CheckError(StatusOf(memory, kArena), Errc::kOutOfBounds, AlignDown(~std::uint64_t{0}, kPageSize));
  }
}

TEST_CASE("A broken list of regions is refused by its defect", "[format][pkram]") {
  std::vector<KeptBlock> blocks;
  for (std::uint64_t i = 0; i < 300; ++i) {
    blocks.push_back(BlockOf(0x40000000 + i * 0x2000, 0));
  }
  ArenaMemory memory(kArena, 16);
  REQUIRE(EncodePkram({.blocks = blocks}, memory.arena()).ok());
  REQUIRE(StatusOf(memory, kArena).ok());
  const std::uint64_t list = memory.Get64(kArena + 16) * kPageSize;
  const std::uint64_t second = memory.Get64(list + 8) * kPageSize;
  const auto region = [](std::uint64_t page, std::uint64_t i) { return page + 16 + i * 16; };
  const std::uint64_t count = kArena + 24;

  struct Case {
    const char* defect;
    std::uint64_t at, value;
    Errc code;
    std::uint64_t where;
  };
  const auto c = GENERATE_COPY(
      Case{"base not a page", region(list, 1), 0x40000800, Errc::kMisaligned, region(list, 1)},
      Case{"size not of pages", region(list, 1) + 8, 0x1001, Errc::kMisaligned, region(list, 1)},
      Case{"base past the last address", region(list, 1), kPhysLimit, Errc::kOutOfBounds, kPhysLimit},
      Case{"end past the last address", region(list, 1) + 8, kPhysLimit, Errc::kOutOfBounds, 0x40000000},
      Case{"size that wraps", region(list, 1) + 8, ~std::uint64_t{0xfff}, Errc::kOutOfBounds, 0x40000000},
      Case{"regions descend", region(list, 2), 0x1000, Errc::kMalformed, region(list, 2)},
      Case{"regions overlap", region(list, 1) + 8, 0x3000, Errc::kMalformed, region(list, 2)},
      Case{"regions descend over pages", region(second, 0), 0x1000, Errc::kMalformed, region(second, 0)},
      Case{"fewer than counted", count, 302, Errc::kMalformed, count},
      Case{"ends before its count", region(list, 7) + 8, 0, Errc::kMalformed, count},
      Case{"ends with the first page", list + 8, 0, Errc::kMalformed, count},
      Case{"comes back to its first page", list + 8, list / kPageSize, Errc::kMalformed, region(list, 0)},
      Case{"leads to the super block", list + 8, kArena / kPageSize, Errc::kCycle, kArena},
      Case{"leads out of memory", list + 8, 0x10, Errc::kUnreadable, 0x10000},
      Case{"leads past the last address", list + 8, kPhysLimit / kPageSize, Errc::kOutOfBounds, kPhysLimit});
  INFO(c.defect);
  memory.Set64(c.at, c.value);
  CheckError(StatusOf(memory, kArena), c.code, c.where);
}

TEST_CASE("Pages behind the end of a list are not looked at", "[format][pkram]") {
  ArenaMemory memory(kArena, 16);
  REQUIRE(EncodePkram({.blocks = Blocks()}, memory.arena()).ok());
  const std::uint64_t list = memory.Get64(kArena + 16) * kPageSize;
  memory.Set64(list + 8, 0x10);
  CHECK(StatusOf(memory, kArena).ok());
}

TEST_CASE("Regions behind as many as were counted are left from another list", "[format][pkram]") {
  ArenaMemory memory(kArena, 16);
  REQUIRE(EncodePkram({.blocks = Blocks()}, memory.arena()).ok());
  const std::uint64_t list = memory.Get64(kArena + 16) * kPageSize;
  const std::uint64_t count = memory.Get64(kArena + 24);
  const std::uint64_t behind = list + 16 + count * 16;
  REQUIRE(memory.Get64(behind + 8) == 0);
  memory.Set64(behind, 0x1000);
  memory.Set64(behind + 8, 0x1800);
  memory.Set64(list + 8, kArena / kPageSize);
  CHECK(StatusOf(memory, kArena).ok());
}

TEST_CASE("A broken page table is refused by its defect", "[format][pkram]") {
  ArenaMemory memory(kArena, 32);
  REQUIRE(EncodePkram({.form = PkramForm::kPageTable, .blocks = Blocks()}, memory.arena()).ok());
  REQUIRE(StatusOf(memory, kArena).ok());
  const std::uint64_t root = kArena + 0x1000;
  const std::uint64_t upper = memory.Get64(root);
  const std::uint64_t middle = memory.Get64(upper + 8);  // of [1 GiB, 2 GiB)
  const std::uint64_t bitmap = memory.Get64(middle);     // of [1 GiB, 1 GiB + 2 MiB)
  const std::uint64_t own_middle = memory.Get64(upper);  // of the arena
  const std::uint64_t own_bitmap = memory.Get64(own_middle + kArena / 0x200000 * 8);
  const std::uint64_t bit_of_bitmap = (bitmap - kArena) / kPageSize;
  REQUIRE(bitmap % kPageSize == 0);
  REQUIRE(bit_of_bitmap < 64);

  struct Case {
    const char* defect;
    std::uint64_t at, value;
    Errc code;
    std::uint64_t where;
  };
  const auto c =
      GENERATE_COPY(Case{"root entry with flags", root, upper | 0x63, Errc::kMisaligned, upper | 0x63},
                    Case{"table between pages", upper + 8, middle + 8, Errc::kMisaligned, middle + 8},
                    Case{"bitmap between pages", middle, bitmap + 1, Errc::kMisaligned, bitmap + 1},
                    Case{"full bitmap between pages", middle, bitmap | 0x84, Errc::kMisaligned, bitmap | 4},
                    Case{"table out of memory", upper + 8, 0x5000, Errc::kMalformed, 0x5000},
                    Case{"table past the last address", upper + 8, kPhysLimit, Errc::kMalformed, kPhysLimit},
                    Case{"bitmap not marked", own_bitmap,
                         memory.Get64(own_bitmap) & ~(std::uint64_t{1} << bit_of_bitmap), Errc::kMalformed, bitmap},
                    Case{"table leads to the root", upper + 8, root, Errc::kCycle, root},
                    Case{"table leads to itself", upper + 8, upper, Errc::kCycle, upper},
                    Case{"table leads to the super block", upper + 8, kArena, Errc::kCycle, kArena},
                    Case{"bitmap is its own table", middle, middle, Errc::kCycle, middle});
  INFO(c.defect);
  memory.Set64(c.at, c.value);
  CheckError(StatusOf(memory, kArena), c.code, c.where);
}

TEST_CASE("What a table of five levels can say is bounded by the last address", "[format][pkram]") {
  ArenaMemory memory(kArena, 32);
  REQUIRE(EncodePkram({.form = PkramForm::kPageTable, .levels = 5, .blocks = Blocks()}, memory.arena()).ok());
  const std::uint64_t root = kArena + 0x1000;
  memory.Set64(root + 16 * 8, memory.Get64(root));
  CheckError(StatusOf(memory, kArena, 5), Errc::kOutOfBounds, kPhysLimit);
}

TEST_CASE("Shared tables end at a bound", "[format][pkram]") {
  // Four pages that claim all of memory: every entry of a level is the same table.
  ArenaMemory memory(kArena, 5);
  memory.Set64(kArena + 8, kArena / kPageSize + 1);
  for (std::uint64_t level = 1; level < 4; ++level) {
    for (std::uint64_t i = 0; i < 512; ++i) {
      memory.Set64(kArena + level * kPageSize + i * 8, kArena + (level + 1) * kPageSize);
    }
  }
  for (std::uint64_t i = 0; i < 8; ++i) {
    memory.Set64(kArena + 4 * kPageSize + i * 8, ~std::uint64_t{0});
  }
  PkramFacts facts;
  const BlockSink ignore([](void*, const KeptBlock&) -> Status { return kDone; }, nullptr);
  CheckError(DecodePkram(PhysAddr(kArena), 4, memory.memory(), ignore, facts), Errc::kTooLarge,
             kMaxPkramStructures * kPageSize);
}

TEST_CASE("An error of the sink is the decoder's", "[format][pkram]") {
  const PkramForm form = GENERATE(PkramForm::kPageTable, PkramForm::kRegionList);
  ArenaMemory memory(kArena, 32);
  REQUIRE(EncodePkram({.form = form, .blocks = Blocks()}, memory.arena()).ok());
  int left = GENERATE(0, 1, 2, 3, 4);
  const BlockSink few(
      [](void* count, const KeptBlock&) -> Status {
        return (*static_cast<int*>(count))-- > 0 ? Status(kDone) : Error{Errc::kTableFull, 7};
      },
      &left);
  PkramFacts facts;
  CheckError(DecodePkram(PhysAddr(kArena), 4, memory.memory(), few, facts), Errc::kTableFull, 7);
}

TEST_CASE("What cannot be written is refused", "[format][pkram]") {
  const PkramForm form = GENERATE(PkramForm::kPageTable, PkramForm::kRegionList);
  ArenaMemory memory(kArena, 32);
  const auto encode = [&](std::vector<KeptBlock> blocks) {
    return EncodePkram({.form = form, .blocks = blocks}, memory.arena());
  };
  CheckError(encode({BlockOf(0x1000, 0), {.range = Between(0x2000, 0x3000)}}), Errc::kMalformed, 1);
  CheckError(encode({{.range = Between(0x1000, 0x3000), .order = 0}}), Errc::kMalformed, 0);
  CheckError(encode({{.range = Between(0x1000, 0x3000), .order = 1}}), Errc::kMalformed, 0);
  CheckError(encode({BlockOf(0x2000, 0), BlockOf(0x1000, 0)}), Errc::kMalformed, 1);
  const std::string name(256, 'x');
  CheckError(EncodePkram({.form = form, .node_name = name}, memory.arena()), Errc::kTooLarge, 255);
  ArenaMemory small(kArena, 4);
  CheckError(EncodePkram({.form = form, .blocks = Blocks()}, small.arena()), Errc::kTableFull, 4);
}

}  // namespace
}  // namespace holdfast
