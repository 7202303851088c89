// SPDX-License-Identifier: BSD-2-Clause
// The decision.

#include "common/plan/boot-plan.h"

#include <catch2/catch.hpp>

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
using test::PlanCase;
using test::TestPlan;

constexpr MemType kUsable = MemType::kUsable;
constexpr MemType kReserved = MemType::kReserved;

// A fixture has RAM from 1 MiB to 64 MiB, and a kernel of 4 MiB that may go to each 2 MiB from 16 MiB on.
constexpr std::uint64_t kNumSlots = (64 - 16 - 4) / 2 + 1;

void CheckRefused(const TestPlan& plan, const Problem& problem) {
  CHECK(plan.error() == Error{problem.code, problem.where});
  REQUIRE(plan->problems.size() == 1);
  CheckProblem(plan->problems[0], problem);
}

KeptRange AsKept(PhysRange range, Fence fence = Fence::kReserved) { return {.range = range, .fence = fence}; }

Problem MeetsKept(std::string_view what, PhysRange range, PhysRange kept) {
  return {.code = Errc::kOverlap,
          .where = range.Intersection(kept).start().raw(),
          .what = what,
          .range = range,
          .other_range = kept,
          .kept = AsKept(kept)};
}

std::vector<Kept> EverySecondPage(std::uint64_t start, std::size_t count, Fence fence) {
  std::vector<Kept> kept;
  for (std::uint64_t i = 0; i < count; ++i) {
    kept.push_back({R(start + 2 * i * kPageSize, start + (2 * i + 1) * kPageSize), fence});
  }
  return kept;
}

// Something that keeps the kernel off all but [start, end) of the fixture's RAM.
std::vector<InUse> AllBut(std::uint64_t start, std::uint64_t end) {
  return {{"firmware", R(16 * kMiB, start)}, {"firmware", R(end, 64 * kMiB)}};
}

}  // namespace

TEST_CASE("A mode has the name that the console prints", "[plan][boot-plan]") {
  CHECK(ModeName(Mode::kFence) == "fence");
  CHECK(ModeName(Mode::kNative) == "native");
}

TEST_CASE("With nothing kept the map stays as it is and the seed picks the slot", "[plan][boot-plan]") {
  const TestPlan plan(PlanCase{.seed = ~std::uint64_t{0}});
  REQUIRE(plan.ok());
  CHECK(plan->mode == Mode::kFence);
  CHECK(List(plan->memory.view()) == std::vector<MemEntry>{{R(0, 0x9f000), kUsable}, {R(kMiB, 64 * kMiB), kUsable}});
  CHECK(plan->slot.count == kNumSlots);
  CHECK(plan->slot.index == kNumSlots - 1);
  CHECK(plan->slot.range == R(60 * kMiB, 64 * kMiB));
  CHECK(plan->closed_bytes == 0);
  CHECK(plan->held.empty());
  CHECK(plan->segments.empty());
  CHECK(plan->problems.empty());
}

TEST_CASE("Kept memory is fenced and the kernel goes beside it, whatever the seed", "[plan][boot-plan]") {
  const Fence fence = GENERATE(Fence::kReserved, Fence::kHeld, Fence::kPmem, Fence::kPram);
  PlanCase c;
  c.kept = {{R(20 * kMiB, 56 * kMiB), fence}};
  // 16 and 56, 58, 60 MiB are left.
  for (std::uint64_t index = 0; index < 4; ++index) {
    c.seed = (index << 62) + 12345;
    const TestPlan plan(c);
    REQUIRE(plan.ok());
    CHECK(plan->slot.count == 4);
    CHECK(plan->slot.index == index);
    const std::uint64_t start = index == 0 ? 16 * kMiB : (54 + 2 * index) * kMiB;
    CHECK(plan->slot.range == R(start, start + 4 * kMiB));
    CHECK(plan->held.size() == (fence == Fence::kHeld ? 1 : 0));
    CHECK(plan->memory.BytesOf(kUsable) == 63 * kMiB + 0x9f000 - (fence == Fence::kHeld ? 0 : 36 * kMiB));
  }
}

TEST_CASE("Held ranges are listed in ascending order", "[plan][boot-plan]") {
  PlanCase c;
  c.kept = {{R(0x500000, 0x501000), Fence::kHeld},
            {R(0x300000, 0x301000), Fence::kHeld},
            {R(0x400000, 0x401000), Fence::kReserved}};
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(List(plan->held.view()) == std::vector<PhysRange>{R(0x300000, 0x301000), R(0x500000, 0x501000)});
}

// --- Refusals -----------------------------------------------------------------------------------------------------

TEST_CASE("A kept range that is not RAM is refused", "[plan][boot-plan]") {
  PlanCase c;
  c.kept = {{R(0x9e000, 0xa0000), Fence::kPmem}};
  CheckRefused(TestPlan(c), {.code = Errc::kKeptNotRam,
                             .where = 0x9f000,
                             .range = R(0x9e000, 0xa0000),
                             .kept = AsKept(R(0x9e000, 0xa0000), Fence::kPmem)});
}

TEST_CASE("Memory fenced by the boot before is kept again if the record says that it was RAM", "[plan][boot-plan]") {
  PlanCase c;
  const PhysRange fenced = R(8 * kMiB, 12 * kMiB);
  c.memory = {{R(kMiB, 8 * kMiB), kUsable}, {fenced, kReserved}, {R(12 * kMiB, 64 * kMiB), kUsable}};
  c.kept = {{fenced}};

  c.was_ram = {R(kMiB, 64 * kMiB)};
  const TestPlan again(c);
  REQUIRE(again.ok());
  CHECK(List(again->memory.view()) == c.memory);

  c.was_ram = {R(kMiB, 12 * kMiB - 1)};
  CheckRefused(
      TestPlan(c),
      {.code = Errc::kKeptNotRam, .where = 12 * kMiB - 1, .range = fenced, .type = kReserved, .kept = AsKept(fenced)});
  c.was_ram = {};
  CheckRefused(
      TestPlan(c),
      {.code = Errc::kKeptNotRam, .where = 8 * kMiB, .range = fenced, .type = kReserved, .kept = AsKept(fenced)});
}

TEST_CASE("Whatever stands on kept memory is refused, and what only touches it is not", "[plan][boot-plan]") {
  const PhysRange kept = R(8 * kMiB, 9 * kMiB);
  PlanCase c;
  c.kept = {{kept}};
  const bool meets = GENERATE(true, false);
  const PhysRange range = R(7 * kMiB, 8 * kMiB + (meets ? 1 : 0));
  std::string_view what;

  SECTION("a segment") {
    what = "initrd";
    c.segments = {{.name = what, .at = range}};
  }
  SECTION("the kernel where it was loaded") {
    what = "kernel";
    c.kernel_at = range;
  }
  SECTION("firmware") {
    what = "firmware";
    c.in_use = {{what, range}};
  }
  SECTION("scratch") {
    what = "scratch";
    c.scratch = {range};
  }
  const TestPlan plan(c);
  if (meets) {
    CheckRefused(plan, MeetsKept(what, range, kept));
  } else {
    CHECK(plan.ok());
  }
}

TEST_CASE("A handover may lie in pages that it keeps", "[plan][boot-plan]") {
  PlanCase c;
  c.kept = {{R(20 * kMiB, 22 * kMiB)}};
  c.in_use = {{"handover", R(20 * kMiB, 20 * kMiB + 100), /*may_be_kept=*/true}};
  CHECK(TestPlan(c).ok());
}

TEST_CASE("Segments that meet, and segments outside RAM, are refused", "[plan][boot-plan]") {
  PlanCase c;
  const PhysRange first = R(8 * kMiB, 9 * kMiB);
  SECTION("two segments") {
    c.segments = {{.name = "initrd", .at = first}, {.name = "gdt", .at = R(9 * kMiB - 1, 10 * kMiB)}};
    CheckRefused(TestPlan(c), {.code = Errc::kOverlap,
                               .where = 9 * kMiB - 1,
                               .what = "gdt",
                               .range = R(9 * kMiB - 1, 10 * kMiB),
                               .other = "initrd",
                               .other_range = first});
  }
  SECTION("the kernel and a segment") {
    c.segments = {{.name = "initrd", .at = first}};
    c.kernel_at = R(4 * kMiB, 8 * kMiB + 1);
    CheckRefused(TestPlan(c), {.code = Errc::kOverlap,
                               .where = 8 * kMiB,
                               .what = "kernel",
                               .range = R(4 * kMiB, 8 * kMiB + 1),
                               .other = "initrd",
                               .other_range = first});
  }
  SECTION("a segment outside RAM") {
    const PhysRange high = R(63 * kMiB, 64 * kMiB + 1);
    c.segments = {{.name = "initrd", .at = high}};
    CheckRefused(TestPlan(c), {.code = Errc::kNotRam, .where = 64 * kMiB, .what = "initrd", .range = high});
    c.segments[0].needs_ram = false;
    CHECK(TestPlan(c).ok());
  }
  SECTION("the kernel in reserved memory") {
    c.memory.push_back({R(64 * kMiB, 65 * kMiB), kReserved});
    c.kernel_at = R(63 * kMiB, 65 * kMiB);
    CheckRefused(TestPlan(c), {.code = Errc::kNotRam,
                               .where = 64 * kMiB,
                               .what = "kernel",
                               .range = R(63 * kMiB, 65 * kMiB),
                               .type = kReserved});
  }
}

TEST_CASE("All problems are listed, and the first of them is the answer", "[plan][boot-plan]") {
  PlanCase c;
  c.kept = {{R(8 * kMiB, 9 * kMiB)}, {R(0x9f000, 0xa0000)}};
  c.segments = {{.name = "initrd", .at = R(8 * kMiB, 9 * kMiB)}};
  c.in_use = {{"firmware", R(0, 64 * kMiB)}};
  const TestPlan plan(c);
  REQUIRE(plan->problems.size() == 3);
  CHECK(plan.error() == Error{Errc::kKeptNotRam, 0x9f000});
  CHECK(plan->problems[0].code == Errc::kKeptNotRam);
  CHECK(plan->problems[1].what == "firmware");
  CHECK(plan->problems[2].what == "initrd");
}

TEST_CASE("No more problems are listed than the list holds", "[plan][boot-plan]") {
  PlanCase c;
  c.kept = EverySecondPage(64 * kMiB, kMaxProblems + 1, Fence::kReserved);
  const TestPlan plan(c);
  CHECK(plan.error() == Error{Errc::kKeptNotRam, 64 * kMiB});
  CHECK(plan->problems.size() == kMaxProblems);
}

TEST_CASE("As many ranges are held as every kernel takes, and not one more", "[plan][boot-plan]") {
  PlanCase c;
  c.kept = EverySecondPage(kMiB, kMaxHeld, Fence::kHeld);
  CHECK(TestPlan(c)->held.size() == kMaxHeld);
  CHECK(TestPlan(c).ok());

  c.kept = EverySecondPage(kMiB, kMaxHeld + 1, Fence::kHeld);
  CheckRefused(TestPlan(c), {.code = Errc::kTableFull, .where = kMaxHeld, .what = "held ranges or places in use"});
}

TEST_CASE("As many segments are placed as the list holds, and not one more", "[plan][boot-plan]") {
  PlanCase c;
  c.segments.assign(kMaxSegments, {.name = "part", .size = 100});
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->segments.size() == kMaxSegments);

  c.segments.push_back({.name = "part", .size = 100});
  CheckRefused(TestPlan(c), {.code = Errc::kTableFull, .where = kMaxSegments, .what = "segments"});
}

TEST_CASE("A working set that does not hold all places is refused", "[plan][boot-plan]") {
  PlanCase c;
  c.in_use = {{"a", R(0x200000, 0x201000)}, {"b", R(0x300000, 0x301000)}, {"c", R(0x201000, 0x202000)}};
  c.avoid_capacity = 2;  // Two of them touch.
  CHECK(TestPlan(c).ok());
  c.avoid_capacity = 1;
  CheckRefused(TestPlan(c), {.code = Errc::kTableFull, .where = 1, .what = "held ranges or places in use"});

  c.avoid_capacity = 2;
  c.segments = {{.name = "initrd", .size = 1}};
  CheckRefused(TestPlan(c), {.code = Errc::kTableFull, .where = 2, .what = "held ranges or places in use"});
  c.avoid_capacity = 3;
  CHECK(TestPlan(c).ok());
}

// --- The entry budget ---------------------------------------------------------------------------------------------

TEST_CASE("A map may be far longer than a zero page, up to the default budget", "[plan][boot-plan]") {
  PlanCase c;
  c.kept = EverySecondPage(kMiB, 999, Fence::kReserved);
  const TestPlan within(c);
  REQUIRE(within.ok());
  CHECK(within->memory.size() == 1 + 2 * 999);
  CHECK(within->closed_bytes == 0);

  c.kept = EverySecondPage(kMiB, 1000, Fence::kReserved);
  const TestPlan beyond(c);
  REQUIRE(beyond.ok());
  CHECK(beyond->memory.size() == 1 + 2 * 999);
  CHECK(beyond->closed_bytes == kPageSize);
}

TEST_CASE("Over the budget the plan gives up the least RAM, and says how much", "[plan][boot-plan]") {
  PlanCase c;
  c.kept = EverySecondPage(2 * kMiB, 4, Fence::kReserved);  // 1 + 9 entries, three gaps of a page
  struct Case {
    const char* name;
    std::size_t budget;
    std::size_t num_closed;
  };
  const auto t = GENERATE(Case{"just enough", 10, 0}, Case{"one too many", 9, 1}, Case{"two", 8, 1},
                          Case{"three", 7, 2}, Case{"all gaps", 4, 3});
  INFO(t.name);
  const bool by_capacity = GENERATE(false, true);
  (by_capacity ? c.map_capacity : c.entry_budget) = t.budget;
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->closed_bytes == t.num_closed * kPageSize);
  CHECK(plan->memory.size() == 10 - 2 * t.num_closed);
  CHECK(plan->memory.BytesOf(kReserved) == (4 + t.num_closed) * kPageSize);
}

TEST_CASE("A budget that no closing of gaps can meet is refused", "[plan][boot-plan]") {
  PlanCase c;
  c.kept = EverySecondPage(2 * kMiB, 4, Fence::kReserved);
  const bool by_capacity = GENERATE(false, true);
  (by_capacity ? c.map_capacity : c.entry_budget) = 3;
  CheckRefused(TestPlan(c), {.code = Errc::kTableFull, .where = 3, .what = "e820"});
}

TEST_CASE("A gap in which a segment, firmware or a held range stands stays RAM", "[plan][boot-plan]") {
  PlanCase c;
  c.kept = EverySecondPage(2 * kMiB, 3, Fence::kReserved);  // gaps at 2 MiB + 0x1000 and + 0x3000
  c.entry_budget = 7;                                       // 8 without a closed gap
  const PhysRange inside = R(2 * kMiB + 0x1800, 2 * kMiB + 0x1900);
  CHECK(TestPlan(c)->memory.view()[2].range == R(2 * kMiB, 2 * kMiB + 0x3000));

  SECTION("a segment") { c.segments = {{.name = "gdt", .at = inside}}; }
  SECTION("firmware") { c.in_use = {{"firmware", inside}}; }
  SECTION("a held range") { c.kept.push_back({R(2 * kMiB + 0x1000, 2 * kMiB + 0x2000), Fence::kHeld}); }
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->closed_bytes == kPageSize);
  CHECK(plan->memory.view()[2].range == R(2 * kMiB, 2 * kMiB + 0x1000));
}

// --- Placement ----------------------------------------------------------------------------------------------------

TEST_CASE("Without KASLR the kernel stays where it was loaded if that is a slot, else it takes the lowest one",
          "[plan][boot-plan]") {
  struct Case {
    const char* name;
    std::optional<PhysRange> kernel_at;
    std::uint64_t start;
  };
  const auto t = GENERATE(
      Case{"not loaded", std::nullopt, 16 * kMiB}, Case{"in a slot", R(32 * kMiB, 36 * kMiB), 32 * kMiB},
      Case{"in a slot, by a part of it", R(32 * kMiB, 33 * kMiB), 32 * kMiB},
      Case{"in the first slot", R(16 * kMiB, 20 * kMiB), 16 * kMiB},
      Case{"in the last slot", R(60 * kMiB, 64 * kMiB), 60 * kMiB}, Case{"too low", R(14 * kMiB, 18 * kMiB), 16 * kMiB},
      Case{"too high", R(62 * kMiB, 64 * kMiB), 16 * kMiB}, Case{"not aligned", R(33 * kMiB, 37 * kMiB), 16 * kMiB},
      Case{"just below kept memory", R(46 * kMiB, 48 * kMiB), 16 * kMiB});
  INFO(t.name);
  PlanCase c;
  c.kernel_at = t.kernel_at;
  c.kept = {{R(48 * kMiB, 50 * kMiB)}};
  c.seed = ~std::uint64_t{0};
  SECTION("because the command line says so") { c.kaslr = false; }
  SECTION("because the handover says so") { c.policy.kaslr = false; }
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->slot.count == kNumSlots - 2);
  CHECK(plan->slot.range == R(t.start, t.start + 4 * kMiB));
}

TEST_CASE("With KASLR the place where the kernel was loaded is one slot among all", "[plan][boot-plan]") {
  PlanCase c;
  c.kernel_at = R(32 * kMiB, 36 * kMiB);
  CHECK(TestPlan(c)->slot.range == R(16 * kMiB, 20 * kMiB));
  CHECK(TestPlan(c)->slot.count == kNumSlots);
}

TEST_CASE("The only slot left is taken by every seed, and one page less is refused", "[plan][boot-plan]") {
  PlanCase c;
  c.in_use = AllBut(40 * kMiB, 44 * kMiB);
  c.seed = GENERATE(std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 63);
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->slot.range == R(40 * kMiB, 44 * kMiB));
  CHECK(plan->slot.count == 1);

  c.in_use = AllBut(40 * kMiB, 44 * kMiB - 1);
  CheckRefused(TestPlan(c), {.code = Errc::kNoSlot, .where = 4 * kMiB, .what = "kernel"});
}

TEST_CASE("What has no place yet goes to the highest, in the order of the requests", "[plan][boot-plan]") {
  PlanCase c;
  c.kept = {{R(62 * kMiB, 63 * kMiB)}};
  c.segments = {{.name = "initrd", .size = 3 * kMiB},
                {.name = "boot_params", .size = 0x1234},
                {.name = "gdt", .at = R(63 * kMiB + 0x100, 63 * kMiB + 0x180)},
                {.name = "command line", .size = 100, .alignment = 16},
                {.name = "setup_data", .size = 1, .alignment = kMiB}};
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  REQUIRE(plan->segments.size() == 5);
  CHECK(plan->segments[0].name == "initrd");
  CHECK(plan->segments[0].range == R(59 * kMiB, 62 * kMiB));
  CHECK(plan->segments[1].name == "boot_params");
  CHECK(plan->segments[1].range == R(64 * kMiB - 0x2000, 64 * kMiB - 0x2000 + 0x1234));
  CHECK(plan->segments[2].range == *c.segments[2].at);
  CHECK(plan->segments[3].range == R(64 * kMiB - 0x2070, 64 * kMiB - 0x2070 + 100));
  CHECK(plan->segments[4].range == R(58 * kMiB, 58 * kMiB + 1));

  // The kernel stays off all of them: its last slot ends at 58 MiB.
  CHECK(plan->slot.count == (58 - 16 - 4) / 2 + 1);
}

TEST_CASE("What has no place yet stays off the bytes of the kernel, whose new place may take them",
          "[plan][boot-plan]") {
  PlanCase c;
  c.kernel_at = R(58 * kMiB, 62 * kMiB + 1);
  c.segments = {{.name = "initrd", .size = 2 * kMiB}, {.name = "more", .size = kMiB}};
  c.seed = ~std::uint64_t{0};
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->segments[0].range == R(56 * kMiB, 58 * kMiB));
  CHECK(plan->segments[1].range == R(63 * kMiB, 64 * kMiB));
  CHECK(plan->slot.range == R(58 * kMiB, 62 * kMiB));
}

TEST_CASE("What has no place yet ends below the kernel's limit", "[plan][boot-plan]") {
  PlanCase c;
  c.kernel.limit = 40 * kMiB;
  c.segments = {{.name = "initrd", .size = 2 * kMiB}};
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->segments[0].range == R(38 * kMiB, 40 * kMiB));
  CHECK(plan->slot.count == (38 - 16 - 4) / 2 + 1);
}

TEST_CASE("A segment for which there is no place is refused", "[plan][boot-plan]") {
  PlanCase c;
  c.segments = {{.name = "initrd", .size = 63 * kMiB}};
  CheckRefused(TestPlan(c), {.code = Errc::kNoSlot, .where = 4 * kMiB, .what = "kernel"});  // It took all.
  c.segments = {{.name = "initrd", .size = 63 * kMiB + 1}};
  CheckRefused(TestPlan(c), {.code = Errc::kNoSlot, .where = 63 * kMiB + 1, .what = "initrd"});
}

TEST_CASE("Nothing is placed in a gap that was closed", "[plan][boot-plan]") {
  PlanCase c;
  c.kept = {{R(40 * kMiB, 41 * kMiB)}, {R(61 * kMiB, 64 * kMiB)}};
  c.segments = {{.name = "initrd", .size = kMiB}};
  CHECK(TestPlan(c)->segments[0].range == R(60 * kMiB, 61 * kMiB));
  c.entry_budget = 4;
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->closed_bytes == 20 * kMiB);
  CHECK(plan->segments[0].range == R(39 * kMiB, 40 * kMiB));
  CHECK(plan->slot.count == (38 - 16 - 4) / 2 + 1);
}

// --- The entry ----------------------------------------------------------------------------------------------------

TEST_CASE("The plan says how the kernel is entered, and refuses where it cannot be", "[plan][boot-plan]") {
  PlanCase c;
  CHECK(TestPlan(c)->entry == KernelEntry::kVmlinux);
  c.entry.wanted = KernelEntry::kBzImage;
  CHECK(TestPlan(c)->entry == KernelEntry::kBzImage);
  c.entry.has_bzimage = false;
  CheckRefused(TestPlan(c), {.code = Errc::kUnsupported, .what = "bzimage entry"});
}

TEST_CASE("Free memory of the EFI map is a reason to refuse bzimage once something is kept", "[plan][boot-plan]") {
  PlanCase c;
  c.entry.wanted = KernelEntry::kBzImage;
  c.efi = {.has_info = true, .has_free_memory = true};
  CHECK(TestPlan(c).ok());
  c.kept = {{R(20 * kMiB, 21 * kMiB)}};
  CheckRefused(TestPlan(c),
               {.code = Errc::kUnsupported, .what = "bzimage entry under an EFI memory map with free memory"});
}

TEST_CASE("The plan says when EFI's tables are not passed on", "[plan][boot-plan]") {
  PlanCase c;
  c.efi = {.has_info = true, .is_virtual = true};
  CHECK(TestPlan(c)->drops_efi);
  c.efi.has_node = true;
  CHECK_FALSE(TestPlan(c)->drops_efi);
}

TEST_CASE("An option that would take kept memory is refused, behind everything that is wrong already",
          "[plan][boot-plan]") {
  PlanCase c;
  const PhysRange kept = R(20 * kMiB, 21 * kMiB);
  c.command_line = "quiet memmap=1M@20M";
  CHECK(TestPlan(c).ok());
  c.kept = {{kept}};
  const TestPlan plan(c);
  CheckRefused(plan, {.code = Errc::kConflict,
                      .where = 6,
                      .what = "memmap=1M@20M",
                      .range = kept,
                      .other_range = kept,
                      .kept = AsKept(kept)});

  c.segments = {{.name = "initrd", .at = kept}};
  c.entry = {.wanted = KernelEntry::kVmlinux, .has_vmlinux = false};
  const TestPlan worse(c);
  CHECK(worse.error() == Error{Errc::kOverlap, 20 * kMiB});
  REQUIRE(worse->problems.size() == 3);
  CHECK(worse->problems[1].code == Errc::kConflict);
  CHECK(worse->problems[2].code == Errc::kUnsupported);
}

// --- Without a kernel ---------------------------------------------------------------------------------------------

TEST_CASE("Before there is a kernel everything is decided but its slot", "[plan][boot-plan]") {
  PlanCase c;
  c.kernel = {};
  c.kept = {{R(60 * kMiB, 62 * kMiB)}, {R(30 * kMiB, 31 * kMiB), Fence::kHeld}};
  c.in_use = {{"firmware", R(63 * kMiB, 64 * kMiB)}};
  c.segments = {{.name = "unpacked", .size = 20 * kMiB}, {.name = "gdt", .at = R(58 * kMiB, 58 * kMiB + 100)}};
  c.seed = ~std::uint64_t{0};
  c.virtual_seed = ~std::uint64_t{0};
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->entry == KernelEntry::kVmlinux);
  CHECK(plan->memory.BytesOf(kReserved) == 2 * kMiB);
  CHECK(plan->held.size() == 1);
  REQUIRE(plan->segments.size() == 2);
  CHECK(plan->segments[0].range == R(38 * kMiB, 58 * kMiB));
  CHECK(plan->slot.range.empty());
  CHECK(plan->slot.count == 0);
  CHECK(plan->virtual_delta == 0);
}

TEST_CASE("A limit holds before there is a kernel, and without one all memory may be taken", "[plan][boot-plan]") {
  PlanCase c;
  c.kernel = {};
  c.memory.push_back({R(kPhysLimit - 16 * kMiB, kPhysLimit), kUsable});
  c.segments = {{.name = "unpacked", .size = kMiB}};
  CHECK(TestPlan(c)->segments[0].range == R(kPhysLimit - kMiB, kPhysLimit));
  c.kernel.limit = 32 * kMiB;
  CHECK(TestPlan(c)->segments[0].range == R(31 * kMiB, 32 * kMiB));
  c.segments[0].size = 63 * kMiB;
  CheckRefused(TestPlan(c), {.code = Errc::kNoSlot, .where = 63 * kMiB, .what = "unpacked"});
}

TEST_CASE("With the kernel unpacked where the first plan said there is a slot for it", "[plan][boot-plan]") {
  PlanCase c;
  const KernelFacts kernel = c.kernel;
  c.kernel = {};
  c.kept = {{R(20 * kMiB, 56 * kMiB)}};
  c.segments = {{.name = "unpacked", .size = 5 * kMiB}};
  const PhysRange unpacked = TestPlan(c)->segments[0].range;
  c.kernel = kernel;
  c.segments[0].at = unpacked;
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->segments[0].range == unpacked);
  CHECK_FALSE(plan->slot.range.Overlaps(unpacked));
}

// --- The virtual address ------------------------------------------------------------------------------------------

namespace {

// A kernel of 4 MiB linked at 16 MiB that may end up to `end`, on each 2 MiB.
PlanCase VirtualCase(std::uint64_t end) {
  PlanCase c;
  c.kernel.virtual_min = 16 * kMiB;
  c.kernel.virtual_end = end;
  return c;
}

}  // namespace

TEST_CASE("The virtual address is any of its slots, by a seed of its own", "[plan][boot-plan]") {
  PlanCase c = VirtualCase(24 * kMiB);  // 16, 18 and 20 MiB
  for (std::uint64_t index = 0; index < 3; ++index) {
    const std::uint64_t third = ~std::uint64_t{0} / 3;
    for (const std::uint64_t seed : {index * third + 2, (index + 1) * third - 2}) {
      c.virtual_seed = seed;
      CHECK(TestPlan(c)->virtual_delta == index * 2 * kMiB);
      CHECK(TestPlan(c)->slot.range == R(16 * kMiB, 20 * kMiB));
    }
  }
  c.virtual_seed = 0;
  c.seed = ~std::uint64_t{0};
  CHECK(TestPlan(c)->virtual_delta == 0);
  CHECK(TestPlan(c)->slot.range == R(60 * kMiB, 64 * kMiB));
}

TEST_CASE("The image ends at or below the end of its virtual window", "[plan][boot-plan]") {
  struct Case {
    std::uint64_t end;
    std::uint64_t highest;  // delta
  };
  const auto c = GENERATE(Case{22 * kMiB, 2 * kMiB}, Case{22 * kMiB - 1, 0}, Case{20 * kMiB, 0}, Case{20 * kMiB - 1, 0},
                          Case{16 * kMiB, 0}, Case{16 * kMiB - 1, 0}, Case{1, 0}, Case{0, 0},
                          Case{kGiB, kGiB - 20 * kMiB}, Case{~std::uint64_t{0}, ~std::uint64_t{0} - 22 * kMiB + 1});
  CAPTURE(c.end);
  PlanCase plan_case = VirtualCase(c.end);
  plan_case.virtual_seed = ~std::uint64_t{0};
  CHECK(TestPlan(plan_case)->virtual_delta == c.highest);
}

TEST_CASE("A kernel that is not to be moved, or that moves itself, runs where it was linked", "[plan][boot-plan]") {
  PlanCase c = VirtualCase(kGiB);
  c.virtual_seed = ~std::uint64_t{0};
  REQUIRE(TestPlan(c)->virtual_delta != 0);
  SECTION("nokaslr") { c.kaslr = false; }
  SECTION("no virtual window") { c.kernel.virtual_end = 0; }
  SECTION("entered at bzimage") { c.entry.wanted = KernelEntry::kBzImage; }
  CHECK(TestPlan(c)->virtual_delta == 0);
}

TEST_CASE("A handover that wants no KASLR speaks of the physical place alone", "[plan][boot-plan]") {
  PlanCase c = VirtualCase(kGiB);
  c.virtual_seed = c.seed = ~std::uint64_t{0};
  c.policy.kaslr = false;
  CHECK(TestPlan(c)->virtual_delta == kGiB - 20 * kMiB);
  CHECK(TestPlan(c)->slot.index == 0);
}

TEST_CASE("A plan does not depend on what was planned before in the same storage", "[plan][boot-plan]") {
  const PlanCase c{.segments = {{.name = "initrd", .size = kMiB}}, .seed = 0x123456789abcdef0};
  const TestPlan fresh(c);

  std::vector<MemEntry> map_storage(64);
  std::vector<PhysRange> avoid_storage(64);
  BootPlan plan(map_storage, avoid_storage);
  const test::TestMap memory(c.memory);
  test::TestSet none({});
  test::TestKept kept({{R(20 * kMiB, 30 * kMiB), Fence::kHeld}});
  test::TestKept wrong({{R(64 * kMiB, 65 * kMiB)}});
  test::TestKept nothing({});
  for (PreservedMap* const map : {&kept.map(), &wrong.map(), &nothing.map()}) {
    const Handover handover(*map, none.set(), none.set());
    const Status status = MakeBootPlan(
        {.memory = memory.map(), .handover = handover, .kernel = c.kernel, .segments = c.segments, .seed = c.seed},
        plan);
    CHECK(status.ok() == (map != &wrong.map()));
  }
  CHECK(List(plan.memory.view()) == List(fresh->memory.view()));
  CHECK(plan.held.empty());
  CHECK(plan.problems.empty());
  CHECK(plan.slot.range == fresh->slot.range);
  CHECK(plan.slot.count == fresh->slot.count);
  CHECK(List(plan.avoid.view()) == List(fresh->avoid.view()));
}

}  // namespace holdfast
