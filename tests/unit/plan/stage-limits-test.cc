// SPDX-License-Identifier: BSD-2-Clause
// How much the stage's tables hold.

#include "common/plan/stage-limits.h"

#include <catch2/catch.hpp>

#include <string_view>
#include <vector>

#include "tests/support/plan-fixtures.h"

namespace holdfast {
namespace {

std::vector<PhysRange> EverySecondPage(std::size_t count) {
  std::vector<PhysRange> out;
  for (std::uint64_t i = 0; i < count; ++i) {
    out.push_back(R(2 * i * kPageSize, (2 * i + 1) * kPageSize));
  }
  return out;
}

// How many of each there are.
struct Sizes {
  std::size_t map = 1;
  std::size_t kept = 0;
  std::size_t scratch = 0;
  std::size_t native = 0;
  std::size_t ram = 0;
  std::size_t released = 0;
  std::size_t in_use = 0;
};

std::vector<Problem> ProblemsOf(const Sizes& sizes) {
  std::vector<MemEntry> entries;
  for (const PhysRange& range : EverySecondPage(sizes.map)) {
    entries.push_back({range, MemType::kUsable});
  }
  std::vector<test::Kept> kept_ranges;
  for (const PhysRange& range : EverySecondPage(sizes.kept)) {
    kept_ranges.push_back({range});
  }
  const test::TestMap map(entries);
  test::TestKept kept(kept_ranges);
  test::TestSet scratch(EverySecondPage(sizes.scratch));
  test::TestSet ram(EverySecondPage(sizes.ram));
  test::TestSet released(EverySecondPage(sizes.released));
  Handover handover(kept.map(), scratch.set(), ram.set(), &released.set());
  const std::vector<PhysRange> areas = EverySecondPage(sizes.native);
  handover.native = NativeHandover{.compatible = "kho-v4", .scratch = areas};
  const std::vector<InUse> in_use(sizes.in_use, {"firmware", R(0, kPageSize)});

  FixedVector<Problem, kMaxProblems> problems;
  CheckStageTables({.memory = map.map(), .handover = handover, .kernel = {}, .in_use = in_use}, problems);
  return {problems.begin(), problems.end()};
}

}  // namespace

TEST_CASE("Each table of the stage holds as much as it says, and not one more", "[plan][stage-limits]") {
  struct Case {
    std::size_t Sizes::*size;
    std::size_t capacity;
    std::string_view table;
  };
  const auto c =
      GENERATE(Case{&Sizes::map, 4096, "e820 table"}, Case{&Sizes::kept, 65536, "kept ranges"},
               Case{&Sizes::scratch, 256, "scratch ranges"}, Case{&Sizes::native, 1026, "native scratch ranges"},
               Case{&Sizes::ram, 1024, "ram ranges"}, Case{&Sizes::released, 2048, "released ranges"},
               Case{&Sizes::in_use, 2048, "places in use"});
  CAPTURE(c.table);
  Sizes sizes;
  sizes.*c.size = c.capacity;
  CHECK(ProblemsOf(sizes).empty());
  sizes.*c.size = c.capacity + 1;
  const auto problems = ProblemsOf(sizes);
  REQUIRE(problems.size() == 1);
  test::CheckProblem(problems[0], {.code = Errc::kTableFull, .where = c.capacity, .what = c.table});
}

TEST_CASE("Every table that does not hold its part is named", "[plan][stage-limits]") {
  CHECK(ProblemsOf({.map = 4097, .kept = 65537, .scratch = 257, .native = 1027, .ram = 1025, .released = 2049, .in_use = 2049}).size() ==
        7);
}

}  // namespace holdfast
