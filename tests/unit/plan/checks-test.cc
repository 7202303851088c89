// SPDX-License-Identifier: BSD-2-Clause
// Is the handover believable, and does anything stand on what it keeps?

#include "common/plan/checks.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tests/support/plan-fixtures.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using test::CheckProblem;
using test::Kept;
using test::TestKept;
using test::TestMap;
using test::TestSet;

using Entries = std::vector<MemEntry>;
using Found = FixedVector<Problem, kMaxProblems>;

constexpr MemType kUsable = MemType::kUsable;
constexpr MemType kReserved = MemType::kReserved;

const Entries kRam{{R(0x1000, 0x9000), kUsable}};

void CheckOnly(const Found& found, const std::optional<Problem>& expected) {
  REQUIRE(found.size() == (expected ? 1 : 0));
  if (expected) CheckProblem(found[0], *expected);
}

// The range as the sealed map has it: one page from 0x4000 on, unless told otherwise.
KeptRange AsKept(PhysRange range = R(0x4000, 0x5000), Fence fence = Fence::kReserved) {
  return {.range = range, .fence = fence};
}

Problem MeetsKept(std::string_view what, PhysRange range, std::uint64_t where, const KeptRange& kept = AsKept()) {
  return {
      .code = Errc::kOverlap, .where = where, .what = what, .range = range, .other_range = kept.range, .kept = kept};
}

}  // namespace

TEST_CASE("A kept range has to be RAM from its first byte to its last", "[plan][checks]") {
  struct Case {
    const char* name;
    Entries memory;
    PhysRange kept;
    std::uint64_t where;          // 0: it is RAM
    std::optional<MemType> type;  // what stands there
  };
  const auto c = GENERATE(
      Case{"all RAM", {{R(0x1000, 0x9000), kUsable}}, R(0x1000, 0x9000), 0, {}},
      Case{"no memory at all", {}, R(0x1000, 0x2000), 0x1000, {}},
      Case{"one page before RAM", {{R(0x2000, 0x9000), kUsable}}, R(0x1000, 0x3000), 0x1000, {}},
      Case{"one page behind RAM", {{R(0x1000, 0x8000), kUsable}}, R(0x7000, 0x9000), 0x8000, {}},
      Case{"one byte behind RAM", {{R(0x1000, 0x8fff), kUsable}}, R(0x7000, 0x9000), 0x8fff, {}},
      Case{"one byte before RAM", {{R(0x1001, 0x9000), kUsable}}, R(0x1000, 0x9000), 0x1000, {}},
      Case{"two entries that touch",
           {{R(0x1000, 0x4000), kUsable}, {R(0x4000, 0x9000), MemType::kReservedKern}},
           R(0x3000, 0x5000),
           0,
           {}},
      Case{"a hole between two entries",
           {{R(0x1000, 0x4000), kUsable}, {R(0x4400, 0x9000), kUsable}},
           R(0x3000, 0x5000),
           0x4000,
           {}},
      Case{"reserved in the middle",
           {{R(0x1000, 0x4800), kUsable}, {R(0x4800, 0x5000), kReserved}, {R(0x5000, 0x9000), kUsable}},
           R(0x3000, 0x8000),
           0x4800,
           kReserved},
      Case{"reserved up to where it begins",
           {{R(0x1000, 0x3000), kReserved}, {R(0x3000, 0x9000), kUsable}},
           R(0x3000, 0x8000),
           0,
           {}},
      Case{"reserved from where it ends",
           {{R(0x1000, 0x3000), kUsable}, {R(0x3000, 0x9000), kReserved}},
           R(0x1000, 0x3000),
           0,
           {}},
      Case{"ACPI tables", {{R(0x1000, 0x9000), MemType::kAcpi}}, R(0x1000, 0x2000), 0x1000, MemType::kAcpi},
      Case{"ACPI NVS", {{R(0x1000, 0x9000), MemType::kNvs}}, R(0x2000, 0x3000), 0x2000, MemType::kNvs},
      Case{"bad memory", {{R(0x1000, 0x9000), MemType::kUnusable}}, R(0x8000, 0x9000), 0x8000, MemType::kUnusable},
      Case{"persistent memory", {{R(0x1000, 0x9000), MemType::kPmem}}, R(0x8000, 0x9000), 0x8000, MemType::kPmem},
      Case{"a type that nobody knows", {{R(0x1000, 0x9000), MemType{77}}}, R(0x1000, 0x2000), 0x1000, MemType{77}});

  INFO(c.name);
  const TestMap memory(c.memory);
  TestKept kept({{c.kept, Fence::kPmem}});
  TestSet none({});
  Found found;
  CheckKeptIsRam(memory.map(), Handover(kept.map(), none.set(), none.set()), found);
  std::optional<Problem> expected;
  if (c.where != 0) {
    expected = {.code = Errc::kKeptNotRam,
                .where = c.where,
                .range = c.kept,
                .type = c.type,
                .kept = AsKept(c.kept, Fence::kPmem)};
  }
  CheckOnly(found, expected);
}

TEST_CASE("Memory that an earlier boot fenced is RAM where the handover's record says so", "[plan][checks]") {
  struct Case {
    const char* name;
    MemType type;
    std::vector<PhysRange> was_ram;
    std::uint64_t where;  // 0: it is RAM
  };
  //   0x1000        0x3000         0x5000       0x9000
  //   |    RAM      |     type     |    RAM     |       kept: [0x2000, 0x6000)
  const PhysRange fenced = R(0x3000, 0x5000);
  const auto c = GENERATE_COPY(
      Case{"reserved", kReserved, {fenced}, 0}, Case{"pmem", MemType::kPmem, {fenced}, 0},
      Case{"pram", MemType::kPram, {fenced}, 0}, Case{"soft-reserved", MemType::kSoftReserved, {fenced}, 0},
      Case{"no record", kReserved, {}, 0x3000}, Case{"a record of everything", kReserved, {R(0, 0x100000)}, 0},
      Case{"a record of RAM only", kReserved, {R(0x1000, 0x3000), R(0x5000, 0x9000)}, 0x3000},
      Case{"a record that begins a byte late", kReserved, {R(0x3001, 0x5000)}, 0x3000},
      Case{"a record that ends a byte early", kReserved, {R(0x3000, 0x4fff)}, 0x4fff},
      Case{"a record with a hole", kReserved, {R(0x3000, 0x3800), R(0x3900, 0x5000)}, 0x3800},
      Case{"ACPI tables were never ours", MemType::kAcpi, {fenced}, 0x3000},
      Case{"nor was ACPI NVS", MemType::kNvs, {fenced}, 0x3000},
      Case{"nor bad memory", MemType::kUnusable, {fenced}, 0x3000},
      Case{"nor a type that nobody knows", MemType{77}, {fenced}, 0x3000});

  INFO(c.name);
  const TestMap memory({{R(0x1000, 0x3000), kUsable}, {fenced, c.type}, {R(0x5000, 0x9000), kUsable}});
  TestKept kept({{R(0x2000, 0x6000)}});
  TestSet none({});
  TestSet was_ram(c.was_ram);
  Found found;
  CheckKeptIsRam(memory.map(), Handover(kept.map(), none.set(), was_ram.set()), found);
  std::optional<Problem> expected;
  if (c.where != 0) {
    expected = {.code = Errc::kKeptNotRam,
                .where = c.where,
                .range = R(0x2000, 0x6000),
                .type = c.type,
                .kept = AsKept(R(0x2000, 0x6000))};
  }
  CheckOnly(found, expected);
}

TEST_CASE("A record makes no RAM of a hole, and what follows fenced memory is still looked at", "[plan][checks]") {
  const TestMap memory({{R(0x1000, 0x2000), kReserved},
                        {R(0x2000, 0x3000), MemType::kPmem},
                        {R(0x3000, 0x4000), kUsable},
                        {R(0x4000, 0x5000), kReserved}});
  TestSet none({});
  TestSet was_ram({R(0, 0x100000)});
  Found found;
  SECTION("fenced in two ways, and RAM") {
    TestKept kept({{R(0x1000, 0x5000)}});
    CheckKeptIsRam(memory.map(), Handover(kept.map(), none.set(), was_ram.set()), found);
    CheckOnly(found, {});
  }
  SECTION("a hole behind it") {
    TestKept kept({{R(0x1000, 0x6000)}});
    CheckKeptIsRam(memory.map(), Handover(kept.map(), none.set(), was_ram.set()), found);
    CheckOnly(
        found,
        Problem{
            .code = Errc::kKeptNotRam, .where = 0x5000, .range = R(0x1000, 0x6000), .kept = AsKept(R(0x1000, 0x6000))});
  }
}

TEST_CASE("Each kept range that is not RAM is a problem of its own, up to the capacity of the list", "[plan][checks]") {
  std::vector<Kept> ranges;
  for (std::uint64_t i = 0; i < kMaxProblems + 4; ++i) {
    ranges.push_back({R(2 * i * kPageSize, (2 * i + 1) * kPageSize)});
  }
  const std::size_t num_kept =
      GENERATE(std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{17}, std::size_t{20});
  ranges.resize(num_kept);
  const TestMap memory({});
  TestKept kept(ranges);
  TestSet none({});
  Found found;
  CheckKeptIsRam(memory.map(), Handover(kept.map(), none.set(), none.set()), found);
  REQUIRE(found.size() == std::min(num_kept, kMaxProblems));
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].range == ranges[i].range);
  }
}

TEST_CASE("What is in use must not meet kept memory, unless it may be kept", "[plan][checks]") {
  struct Case {
    const char* name;
    PhysRange range;
    std::uint64_t where;  // 0: they do not meet
  };
  const auto c =
      GENERATE(Case{"empty", PhysRange(), 0}, Case{"empty, inside", R(0x4800, 0x4800), 0},
               Case{"up to where it begins", R(0x3000, 0x4000), 0}, Case{"its first byte", R(0x3000, 0x4001), 0x4000},
               Case{"inside", R(0x4100, 0x4200), 0x4100}, Case{"the same", R(0x4000, 0x5000), 0x4000},
               Case{"around it", R(0x1000, 0x9000), 0x4000}, Case{"its last byte", R(0x4fff, 0x6000), 0x4fff},
               Case{"from where it ends", R(0x5000, 0x6000), 0});
  INFO(c.name);
  TestKept kept({{R(0x4000, 0x5000)}});
  std::optional<Problem> expected;

  SECTION("in use by firmware") {
    Found found;
    CheckInUse(kept.map(), std::vector<InUse>{{"firmware", c.range}}, found);
    if (c.where != 0) expected = MeetsKept("firmware", c.range, c.where);
    CheckOnly(found, expected);
  }
  SECTION("in use by the handover") {
    Found found;
    CheckInUse(kept.map(), std::vector<InUse>{{"handover", c.range, /*may_be_kept=*/true}}, found);
    CheckOnly(found, {});
  }
  SECTION("scratch") {
    TestSet scratch({c.range});
    TestSet none({});
    const TestMap memory(kRam);
    Found found;
    CheckScratch(memory.map(), Handover(kept.map(), scratch.set(), none.set()), found);
    if (c.where != 0) expected = MeetsKept("scratch", c.range, c.where);
    CheckOnly(found, expected);
  }
  SECTION("a segment") {
    const TestMap memory(kRam);
    Found found;
    CheckSegments(memory.map(), kept.map(), std::vector<SegmentRequest>{{.name = "initrd", .at = c.range}}, found);
    if (c.where != 0) expected = MeetsKept("initrd", c.range, c.where);
    CheckOnly(found, expected);
  }
  SECTION("the kernel") {
    const TestMap memory(kRam);
    Found found;
    CheckKernelAt(memory.map(), kept.map(), c.range, {}, found);
    if (c.where != 0) expected = MeetsKept("kernel", c.range, c.where);
    CheckOnly(found, expected);
  }
}

TEST_CASE("Of several kept ranges the first one that is met is named", "[plan][checks]") {
  TestKept kept({{R(0x2000, 0x3000), Fence::kPram}, {R(0x4000, 0x5000)}, {R(0x6000, 0x7000)}});
  Found found;
  CheckInUse(kept.map(), std::vector<InUse>{{"a", R(0x3000, 0x9000)}, {"b", R(0x8000, 0x9000)}, {"c", R(0, 0x9000)}},
             found);
  REQUIRE(found.size() == 2);
  CheckProblem(found[0], MeetsKept("a", R(0x3000, 0x9000), 0x4000));
  CheckProblem(found[1], MeetsKept("c", R(0, 0x9000), 0x2000, AsKept(R(0x2000, 0x3000), Fence::kPram)));
}

TEST_CASE("A segment that lies somewhere lies in RAM, if it needs to", "[plan][checks]") {
  struct Case {
    const char* name;
    PhysRange at;
    std::uint64_t where;  // 0: it is RAM
    std::optional<MemType> type;
  };
  const Entries entries{{R(0x1000, 0x4000), kUsable},
                        {R(0x4000, 0x5000), MemType::kReservedKern},
                        {R(0x5000, 0x6000), kReserved},
                        {R(0x7000, 0x8000), kUsable}};
  const auto c = GENERATE(Case{"in RAM", R(0x1000, 0x4000), 0, {}}, Case{"empty", R(0x5800, 0x5800), 0, {}},
                          Case{"in RAM of two types", R(0x3000, 0x5000), 0, {}},
                          Case{"one byte too early", R(0xfff, 0x2000), 0xfff, {}},
                          Case{"one byte too late", R(0x4000, 0x5001), 0x5000, kReserved},
                          Case{"over a hole", R(0x6000, 0x8000), 0x6000, {}},
                          Case{"fenced memory is no RAM for it", R(0x5000, 0x5800), 0x5000, kReserved},
                          Case{"behind everything", R(0x8000, 0x9000), 0x8000, {}});
  INFO(c.name);
  const TestMap memory(entries);
  TestKept kept({});
  std::optional<Problem> expected;
  if (c.where != 0)
    expected = {.code = Errc::kNotRam, .where = c.where, .what = "initrd", .range = c.at, .type = c.type};

  Found found;
  CheckSegments(memory.map(), kept.map(), std::vector<SegmentRequest>{{.name = "initrd", .at = c.at}}, found);
  CheckOnly(found, expected);

  Found found_anywhere;
  CheckSegments(memory.map(), kept.map(),
                std::vector<SegmentRequest>{{.name = "initrd", .at = c.at, .needs_ram = false}}, found_anywhere);
  CheckOnly(found_anywhere, {});

  if (expected) expected->what = "kernel";
  Found found_kernel;
  CheckKernelAt(memory.map(), kept.map(), c.at, {}, found_kernel);
  CheckOnly(found_kernel, expected);
}

TEST_CASE("Segments that lie somewhere are apart", "[plan][checks]") {
  struct Case {
    const char* name;
    PhysRange first, second;
    std::uint64_t where;  // 0: they do not meet
  };
  const auto c = GENERATE(Case{"same", R(0x2000, 0x3000), R(0x2000, 0x3000), 0x2000},
                          Case{"touching", R(0x2000, 0x3000), R(0x3000, 0x4000), 0},
                          Case{"touching, the other way round", R(0x3000, 0x4000), R(0x2000, 0x3000), 0},
                          Case{"one byte", R(0x2000, 0x3001), R(0x3000, 0x4000), 0x3000},
                          Case{"in one page, yet apart", R(0x2000, 0x2800), R(0x2800, 0x3000), 0},
                          Case{"one in the other", R(0x2000, 0x8000), R(0x4000, 0x5000), 0x4000},
                          Case{"one around the other", R(0x4000, 0x5000), R(0x2000, 0x8000), 0x4000},
                          Case{"an empty one inside", R(0x2000, 0x8000), R(0x4000, 0x4000), 0});
  INFO(c.name);
  const TestMap memory(kRam);
  TestKept kept({});
  Problem meeting{.code = Errc::kOverlap,
                  .where = c.where,
                  .what = "second",
                  .range = c.second,
                  .other = "first",
                  .other_range = c.first};

  Found found;
  CheckSegments(
      memory.map(), kept.map(),
      std::vector<SegmentRequest>{
          {.name = "first", .at = c.first}, {.name = "floating", .size = 0x8000}, {.name = "second", .at = c.second}},
      found);
  CheckOnly(found, c.where != 0 ? std::optional(meeting) : std::nullopt);

  Found found_kernel;
  CheckKernelAt(memory.map(), kept.map(), c.second,
                std::vector<SegmentRequest>{{.name = "floating", .size = 0x8000}, {.name = "first", .at = c.first}},
                found_kernel);
  meeting.what = "kernel";
  CheckOnly(found_kernel, c.where != 0 ? std::optional(meeting) : std::nullopt);
}

TEST_CASE("All that is wrong with the segments is noted in their order", "[plan][checks]") {
  const TestMap memory(kRam);
  TestKept kept({{R(0x4000, 0x5000)}});
  Found found;
  CheckSegments(memory.map(), kept.map(),
                std::vector<SegmentRequest>{{.name = "a", .at = R(0x3000, 0x5000)},
                                            {.name = "b", .at = R(0x4800, 0xa000)},
                                            {.name = "c", .at = R(0x4900, 0x5100)}},
                found);
  REQUIRE(found.size() == 7);
  CheckProblem(found[0], MeetsKept("a", R(0x3000, 0x5000), 0x4000));
  CheckProblem(found[1], MeetsKept("b", R(0x4800, 0xa000), 0x4800));
  CheckProblem(found[2], {.code = Errc::kNotRam, .where = 0x9000, .what = "b", .range = R(0x4800, 0xa000)});
  CheckProblem(found[3], {.code = Errc::kOverlap,
                          .where = 0x4800,
                          .what = "b",
                          .range = R(0x4800, 0xa000),
                          .other = "a",
                          .other_range = R(0x3000, 0x5000)});
  CheckProblem(found[4], MeetsKept("c", R(0x4900, 0x5100), 0x4900));
  CHECK(found[5].other == "a");
  CHECK(found[6].other == "b");
}

}  // namespace holdfast
