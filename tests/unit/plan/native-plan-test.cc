// SPDX-License-Identifier: BSD-2-Clause
// The decision about a handover that a kernel may read by itself.

#include <catch2/catch.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/plan/boot-plan.h"
#include "tests/support/plan-fixtures.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using test::CheckProblem;
using test::Kept;
using test::Native;
using test::PlanCase;
using test::TestPlan;

constexpr std::uint8_t kKho = 1;    // the source of what is native
constexpr std::uint8_t kOther = 0;  // and of what is not

PhysRange Mib(std::uint64_t start, std::uint64_t end) { return R(start * kMiB, end * kMiB); }

// RAM up to 64 MiB; KHO's scratch is [32, 48) MiB with its array at 40 MiB, its memory [20, 21) and [60, 62) MiB, the
// map's page at 22 MiB; another handover keeps [24, 25) MiB.  The kernel knows it.
PlanCase NativeCase() {
  PlanCase c;
  c.kept = {{Mib(20, 21), Fence::kReserved, kKho},
            {Mib(60, 62), Fence::kReserved, kKho},
            {R(22 * kMiB, 22 * kMiB + kPageSize), Fence::kReserved, kKho, KeptKind::kStructure},
            {R(40 * kMiB, 40 * kMiB + kPageSize), Fence::kReserved, kKho, KeptKind::kStructure},
            {Mib(24, 25), Fence::kReserved, kOther}};
  c.native = Native{.source = kKho, .scratch = {Mib(32, 48)}};
  c.speaks_native = true;
  return c;
}

void CheckFenceBecause(const TestPlan& plan, const Problem& why) {
  REQUIRE(plan.ok());
  CHECK(plan->mode == Mode::kFence);
  REQUIRE(plan->why_fence);
  CheckProblem(*plan->why_fence, why);
  CHECK(plan->problems.empty());
}

void CheckRefused(const TestPlan& plan, const Problem& problem) {
  CHECK(plan.error() == Error{problem.code, problem.where});
  REQUIRE(plan->problems.size() == 1);
  CheckProblem(plan->problems[0], problem);
}

const SegmentRequest kInitrd{.name = "initrd", .size = 2 * kMiB};

Problem Unsupported(std::string_view what, std::string_view other = "kho-v4") {
  return {.code = Errc::kUnsupported, .what = what, .other = other};
}

}  // namespace

TEST_CASE("Native mode leaves KHO's memory RAM and fences the rest", "[plan][native]") {
  const TestPlan plan(NativeCase());
  REQUIRE(plan.ok());
  CHECK(plan->mode == Mode::kNative);
  CHECK_FALSE(plan->hides_native);
  CHECK_FALSE(plan->why_fence);
  CHECK(List(plan->memory.view()) == std::vector<MemEntry>{{R(0, 0x9f000), MemType::kUsable},
                                                           {Mib(1, 24), MemType::kUsable},
                                                           {Mib(24, 25), MemType::kReserved},
                                                           {Mib(25, 64), MemType::kUsable}});
}

TEST_CASE("What the map does not call RAM no kernel takes over", "[plan][native]") {
  PlanCase c = NativeCase();
  c.memory = {{Mib(1, 60), MemType::kUsable}, {Mib(60, 61), MemType::kSoftReserved}, {Mib(61, 64), MemType::kUsable}};
  c.was_ram = {Mib(1, 64)};
  CheckFenceBecause(TestPlan(c), {.code = Errc::kNotRam,
                                  .where = 60 * kMiB,
                                  .what = "kho-v4",
                                  .range = Mib(60, 61),
                                  .type = MemType::kSoftReserved});
}

TEST_CASE("In native mode the kernel goes into scratch and off its array, whatever the seed", "[plan][native]") {
  PlanCase c = NativeCase();
  // 4 MiB each 2 MiB: 32, 34, 36 below the array's page, 42 and 44 above it.
  for (std::uint64_t index = 0; index < 5; ++index) {
    c.seed = ~std::uint64_t{0} / 5 * index + 1000;
    const TestPlan plan(c);
    REQUIRE(plan.ok());
    CHECK(plan->slot.count == 5);
    CHECK(plan->slot.index == index);
    const std::uint64_t start = index < 3 ? 32 + 2 * index : 42 + 2 * (index - 3);
    CHECK(plan->slot.range == Mib(start, start + 4));
  }
}

TEST_CASE("In native mode what lasts is placed in scratch, and what does not outside of it", "[plan][native]") {
  PlanCase c = NativeCase();
  c.segments = {kInitrd, {.name = "unpacked kernel", .size = 2 * kMiB, .is_temporary = true}};
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->mode == Mode::kNative);
  REQUIRE(plan->segments.size() == 2);
  CHECK(plan->segments[0].range == Mib(46, 48));
  CHECK(plan->segments[1].range == Mib(62, 64));
  CHECK(plan->segments[1].is_temporary);
}

TEST_CASE("What does not last keeps off kept memory though the map calls it RAM", "[plan][native]") {
  PlanCase c = NativeCase();
  c.segments = {{.name = "unpacked kernel", .size = 13 * kMiB, .is_temporary = true}};
  SECTION("beside it") {
    CHECK(TestPlan(c)->mode == Mode::kNative);
    CHECK(TestPlan(c)->segments[0].range == Mib(7, 20));
  }
  SECTION("in scratch where nothing else is left") {
    c.memory = {{Mib(20, 64), MemType::kUsable}};
    c.segments[0].size = 15 * kMiB;
    c.kept.erase(c.kept.begin() + 3);  // The array: there is none in this scratch.
    c.native->scratch = {Mib(28, 60)};
    CHECK(TestPlan(c)->mode == Mode::kNative);
    CHECK(TestPlan(c)->segments[0].range == Mib(45, 60));
  }
}

TEST_CASE("A kernel that does not speak the handover's version gets a fence", "[plan][native]") {
  PlanCase c = NativeCase();
  c.speaks_native = false;
  const TestPlan plan(c);
  CheckFenceBecause(plan, Unsupported("kernel"));
  CHECK_FALSE(plan->hides_native);  // It would not know what to make of the node.
  for (const Kept& kept : c.kept) {
    CHECK_FALSE(plan->memory.FirstNot(kept.range, [](MemType type) { return type == MemType::kReserved; }));
  }
}

TEST_CASE("A kernel that unpacks itself gets a fence, and no sight of the node", "[plan][native]") {
  PlanCase c = NativeCase();
  c.entry.wanted = KernelEntry::kBzImage;
  // It may have been looked into before its decompressor was chosen, which knows of scratch in any case.
  c.speaks_native = GENERATE(std::optional<bool>(), std::optional<bool>(true), std::optional<bool>(false));
  const TestPlan plan(c);
  CheckFenceBecause(plan, Unsupported("native mode through the bzimage entry"));
  CHECK(plan->hides_native);
  c.mode = ModeWish::kNative;
  CheckRefused(TestPlan(c), Unsupported("native mode through the bzimage entry"));
}

TEST_CASE("Whoever wants a fence gets one, and the node is hidden from a kernel that knows it", "[plan][native]") {
  PlanCase c = NativeCase();
  SECTION("the caller") {
    c.mode = ModeWish::kFence;
    c.policy.mode = ModeWish::kNative;
  }
  SECTION("the handover") { c.policy.mode = ModeWish::kFence; }
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->mode == Mode::kFence);
  CHECK(plan->hides_native);
  CHECK_FALSE(plan->why_fence);
}

TEST_CASE("Without a native handover nothing is hidden", "[plan][native]") {
  PlanCase c = NativeCase();
  c.native.reset();
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->mode == Mode::kFence);
  CHECK_FALSE(plan->hides_native);
  CHECK_FALSE(plan->why_fence);
}

// --- Wanted, and in the way -----------------------------------------------------------------------------------------

TEST_CASE("Native mode that is wanted and cannot be is refused", "[plan][native]") {
  PlanCase c = NativeCase();
  const bool by_caller = GENERATE(true, false);
  (by_caller ? c.mode : c.policy.mode) = ModeWish::kNative;
  SECTION("because of an option that takes its RAM") {
    c.command_line = "mem=61M";
    CheckRefused(TestPlan(c), {.code = Errc::kConflict,
                               .where = 0,
                               .what = "mem=61M",
                               .other_range = Mib(60, 62),
                               .kept = KeptRange{.range = Mib(60, 62), .source = kKho}});
  }
  SECTION("another version") {
    c.speaks_native = false;
    CheckRefused(TestPlan(c), Unsupported("kernel"));
  }
  SECTION("a segment outside scratch") {
    c.segments = {kInitrd};
    c.segments[0].at = Mib(31, 33);
    CheckRefused(TestPlan(c),
                 {.code = Errc::kOutsideScratch, .where = 31 * kMiB, .what = "initrd", .range = Mib(31, 33)});
  }
  SECTION("no room for a segment") {
    c.segments = {kInitrd};
    c.segments[0].size = 9 * kMiB;
    CheckRefused(TestPlan(c), {.code = Errc::kNoSlot, .where = 9 * kMiB, .what = "initrd"});
  }
  SECTION("no room for the kernel") {
    c.kernel.size = 10 * kMiB;
    CheckRefused(TestPlan(c), {.code = Errc::kNoSlot, .where = 10 * kMiB, .what = "kernel"});
  }
  SECTION("nothing") { CHECK(TestPlan(c)->mode == Mode::kNative); }
}

TEST_CASE("Native mode that is wanted is a fence where there is nothing to take over", "[plan][native]") {
  PlanCase c = NativeCase();
  c.native.reset();
  c.mode = ModeWish::kNative;
  SECTION("whatever is kept") {}
  SECTION("or nothing is") { c.kept.clear(); }
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->mode == Mode::kFence);
  CHECK_FALSE(plan->why_fence);
}

TEST_CASE("Native mode that nobody insists on gives way to a fence", "[plan][native]") {
  PlanCase c = NativeCase();
  SECTION("for a segment outside scratch") {
    c.segments = {kInitrd};
    c.segments[0].at = Mib(47, 49);
    CheckFenceBecause(TestPlan(c),
                      {.code = Errc::kOutsideScratch, .where = 48 * kMiB, .what = "initrd", .range = Mib(47, 49)});
  }
  SECTION("for a segment without room in scratch, which gets another place") {
    c.segments = {kInitrd};
    c.segments[0].size = 9 * kMiB;
    const TestPlan plan(c);
    CheckFenceBecause(plan, {.code = Errc::kNoSlot, .where = 9 * kMiB, .what = "initrd"});
    REQUIRE(plan->segments.size() == 1);
    CHECK(plan->segments[0].range == Mib(51, 60));
    CHECK(plan->hides_native);
  }
  SECTION("for a kernel without room in scratch") {
    c.kernel.size = 10 * kMiB;
    const TestPlan plan(c);
    CheckFenceBecause(plan, {.code = Errc::kNoSlot, .where = 10 * kMiB, .what = "kernel"});
    CHECK(plan->slot.count != 0);
  }
  SECTION("for an option that takes its RAM") {
    c.command_line = "memmap=1M$20M";
    c.segments = {kInitrd};
    CheckFenceBecause(TestPlan(c), {.code = Errc::kConflict,
                                    .where = 0,
                                    .what = "memmap=1M$20M",
                                    .range = Mib(20, 21),
                                    .other_range = Mib(20, 21),
                                    .kept = KeptRange{.range = Mib(20, 21), .source = kKho}});
  }
  SECTION("where another handover keeps some of its memory too") {
    c.kept.push_back({R(61 * kMiB, 61 * kMiB + 100), Fence::kReserved, kOther});
    CheckFenceBecause(TestPlan(c), Unsupported("native mode beside another handover of the same memory"));
  }
  SECTION("where another handover keeps memory in its scratch") {
    c.kept.push_back({R(33 * kMiB, 33 * kMiB + 100), Fence::kReserved, kOther});
    CheckFenceBecause(TestPlan(c), Unsupported("native mode beside another handover of the same memory"));
  }
  SECTION("where kernels read its version in different ways") {
    c.native->is_ambiguous = true;
    CheckFenceBecause(TestPlan(c), Unsupported("native mode nobody asked for"));
    c.mode = ModeWish::kNative;
    CHECK(TestPlan(c)->mode == Mode::kNative);
  }
}

TEST_CASE("What does not last, or is no RAM, may lie outside scratch in native mode", "[plan][native]") {
  PlanCase c = NativeCase();
  c.memory.push_back({Mib(64, 65), MemType::kReserved});
  c.segments = {{.name = "bundle", .size = kMiB, .at = Mib(10, 11), .is_temporary = true},
                {.name = "setup_data", .size = 100, .at = R(64 * kMiB, 64 * kMiB + 100), .needs_ram = false}};
  CHECK(TestPlan(c)->mode == Mode::kNative);
  c.segments[0].is_temporary = false;
  CHECK(TestPlan(c)->mode == Mode::kFence);
}

// --- Before there is a kernel ---------------------------------------------------------------------------------------

TEST_CASE("Before the kernel is known, what is placed does for both modes", "[plan][native]") {
  PlanCase c = NativeCase();
  c.speaks_native.reset();
  c.kernel = {};
  c.segments = {kInitrd, {.name = "unpacked kernel", .size = 2 * kMiB, .is_temporary = true}};
  SECTION("in scratch while there is room") {
    const TestPlan plan(c);
    REQUIRE(plan.ok());
    CHECK_FALSE(plan->why_fence);
    CHECK(plan->segments[0].range == Mib(46, 48));
    CHECK(plan->segments[1].range == Mib(62, 64));
  }
  SECTION("elsewhere where there is none") {
    c.segments[0].size = 9 * kMiB;
    const TestPlan plan(c);
    REQUIRE(plan.ok());
    CHECK(plan->segments[0].range == Mib(51, 60));
  }
  SECTION("or not at all where native mode is wanted") {
    c.segments[0].size = 9 * kMiB;
    c.mode = ModeWish::kNative;
    CheckRefused(TestPlan(c), {.code = Errc::kNoSlot, .where = 9 * kMiB, .what = "initrd"});
  }
  SECTION("anywhere where a fence is wanted") {
    c.mode = ModeWish::kFence;
    CHECK(TestPlan(c)->segments[0].range == Mib(62, 64));
  }
}

TEST_CASE("Before the kernel is known, a fence that does not fit is no refusal", "[plan][native]") {
  PlanCase c = NativeCase();
  SECTION("of the ranges that can be held") {
    for (std::uint64_t page = 0; page < 2 * 97; page += 2) {
      c.kept.push_back({R(50 * kMiB + page * kPageSize, 50 * kMiB + (page + 1) * kPageSize), Fence::kHeld, kKho});
    }
  }
  SECTION("of the map's entries") {
    c.kept.push_back({Mib(58, 59), Fence::kPram, kOther});  // No gap can be closed across it.
    c.entry_budget = 6;
  }
  c.segments = {kInitrd};
  const KernelFacts kernel = c.kernel;
  c.kernel = {};
  c.speaks_native.reset();
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->segments[0].range == Mib(46, 48));
  // Then it is.
  c.segments[0].at = plan->segments[0].range;
  c.kernel = kernel;
  c.speaks_native = true;
  CHECK(TestPlan(c)->mode == Mode::kNative);
  c.speaks_native = false;
  const TestPlan fenced(c);
  REQUIRE_FALSE(fenced.ok());
  CHECK(fenced.error()->code == Errc::kTableFull);
}

TEST_CASE("The kernel stands inside one area of scratch, though another touches it", "[plan][native]") {
  PlanCase c = NativeCase();
  c.kept.erase(c.kept.begin() + 3);  // The array.
  c.native->scratch = {Mib(32, 35), Mib(35, 40)};
  c.kernel.size = 4 * kMiB;
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->slot.count == 1);
  CHECK(plan->slot.range == Mib(36, 40));
}

// --- The handover itself --------------------------------------------------------------------------------------------

TEST_CASE("KHO's memory in its own scratch is refused, whatever the mode", "[plan][native]") {
  PlanCase c = NativeCase();
  c.mode = GENERATE(ModeWish::kAuto, ModeWish::kFence, ModeWish::kNative);
  const PhysRange page = R(33 * kMiB, 33 * kMiB + kPageSize);
  c.kept.push_back({page, Fence::kReserved, kKho});
  CheckRefused(TestPlan(c), {.code = Errc::kOverlap,
                             .where = 33 * kMiB,
                             .what = "scratch",
                             .range = Mib(32, 48),
                             .other_range = page,
                             .kept = KeptRange{.range = page, .source = kKho}});
}

TEST_CASE("Scratch that is not RAM is refused", "[plan][native]") {
  PlanCase c = NativeCase();
  c.native->scratch = {Mib(32, 48), Mib(62, 66)};
  CheckRefused(TestPlan(c), {.code = Errc::kNotRam, .where = 64 * kMiB, .what = "scratch", .range = Mib(62, 66)});
}

TEST_CASE("RAM that was marked for the kernel comes out fenced where it is kept", "[plan][native]") {
  PlanCase c;
  c.memory = {{Mib(1, 8), MemType::kUsable}, {Mib(8, 12), MemType::kReservedKern}, {Mib(12, 64), MemType::kUsable}};
  c.kept = {{Mib(8, 12)}};
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(List(plan->memory.view()) == std::vector<MemEntry>{{Mib(1, 8), MemType::kUsable},
                                                           {Mib(8, 12), MemType::kReserved},
                                                           {Mib(12, 64), MemType::kUsable}});
}

TEST_CASE("Held memory of the native handover is neither held nor in the way in native mode", "[plan][native]") {
  PlanCase c = NativeCase();
  for (Kept& kept : c.kept) {
    kept.fence = kept.source == kKho ? Fence::kHeld : kept.fence;
  }
  CHECK(TestPlan(c)->held.empty());
  CHECK(TestPlan(c)->slot.count == 5);
  c.mode = ModeWish::kFence;
  CHECK(TestPlan(c)->held.size() == 4);
}

TEST_CASE("Closing gaps leaves native memory and scratch RAM", "[plan][native]") {
  PlanCase c = NativeCase();
  // Gaps of one page between reserved ones: the first holds native memory, the second is scratch, the third nothing.
  const std::uint64_t at = 50 * kMiB;
  c.kept = {{R(at + kPageSize, at + 2 * kPageSize), Fence::kReserved, kKho}};
  c.native->scratch = {Mib(32, 48), R(at + 3 * kPageSize, at + 4 * kPageSize)};
  for (std::uint64_t page = 0; page < 8; page += 2) {
    c.kept.push_back({R(at + page * kPageSize, at + (page + 1) * kPageSize), Fence::kReserved, kOther});
  }
  c.entry_budget = 8;
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->mode == Mode::kNative);
  CHECK(plan->closed_bytes == kPageSize);
  CHECK(List(plan->memory.view()) ==
        std::vector<MemEntry>{{R(0, 0x9f000), MemType::kUsable},
                              {R(kMiB, at), MemType::kUsable},
                              {R(at, at + kPageSize), MemType::kReserved},
                              {R(at + kPageSize, at + 2 * kPageSize), MemType::kUsable},
                              {R(at + 2 * kPageSize, at + 3 * kPageSize), MemType::kReserved},
                              {R(at + 3 * kPageSize, at + 4 * kPageSize), MemType::kUsable},
                              {R(at + 4 * kPageSize, at + 7 * kPageSize), MemType::kReserved},
                              {R(at + 7 * kPageSize, 64 * kMiB), MemType::kUsable}});
}

}  // namespace holdfast
