// SPDX-License-Identifier: BSD-2-Clause
// The decision while firmware's boot services are there.

#include <catch2/catch.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/console/wording.h"
#include "common/plan/boot-plan.h"
#include "common/plan/fence-map.h"
#include "common/plan/firmware-claims.h"
#include "tests/support/plan-fixtures.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using test::CheckProblem;
using test::Native;
using test::PlanCase;
using test::TestPlan;

constexpr std::uint8_t kKho = 1;

PhysRange Mib(std::uint64_t start, std::uint64_t end) { return R(start * kMiB, end * kMiB); }

// RAM up to 64 MiB, and [20, 21) MiB of it kept with this fence.
PlanCase FirmwareCase(Fence fence = Fence::kReserved) {
  PlanCase c;
  c.kept = {{Mib(20, 21), fence}};
  c.entry.in_firmware = c.entry.has_efi_image = c.entry.has_efi_handover = true;
  return c;
}

// KHO keeps [20, 21) MiB and has [32, 48) MiB for scratch; the kernel knows it.
PlanCase NativeCase() {
  PlanCase c = FirmwareCase();
  c.kept[0].source = kKho;
  c.native = Native{.source = kKho, .scratch = {Mib(32, 48)}};
  c.speaks_native = true;
  return c;
}

void CheckRefused(const TestPlan& plan, const Problem& problem) {
  CHECK(plan.error() == Error{problem.code, problem.where});
  REQUIRE(plan->problems.size() == 1);
  CheckProblem(plan->problems[0], problem);
}

MemType TypeAt(const TestPlan& plan, std::uint64_t mib) {
  return plan->memory.view()[plan->memory.FirstEndingAfter(PhysAddr(mib * kMiB))].type;
}

}  // namespace

TEST_CASE("A kernel that firmware starts gets no slot, but there is one for it", "[plan][firmware]") {
  PlanCase c = FirmwareCase();
  c.kernel.virtual_end = 64 * kMiB;
  c.seed = c.virtual_seed = ~std::uint64_t{0};
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->entry == KernelEntry::kEfiImage);
  CHECK(plan->slot.range.empty());
  CHECK(plan->slot.index == 0);
  CHECK(plan->slot.count == 1 + 20);  // At 16 MiB, and from 22 to 60 MiB.
  CHECK(plan->virtual_delta == 0);

  c.entry.has_efi_image = false;
  const TestPlan direct(c);
  REQUIRE(direct.ok());
  CHECK(direct->entry == KernelEntry::kVmlinux);
  CHECK(direct->slot.range.size() == 4 * kMiB);
  CHECK(direct->slot.index == 20);
  CHECK(direct->virtual_delta == 60 * kMiB);
}

TEST_CASE("Where there is no place for a kernel firmware is not asked for one", "[plan][firmware]") {
  PlanCase c = FirmwareCase();
  c.kernel.size = 44 * kMiB;
  CheckRefused(TestPlan(c), {.code = Errc::kNoSlot, .where = 44 * kMiB, .what = "kernel"});
}

TEST_CASE("Through an EFI entry persistent memory is reserved", "[plan][firmware]") {
  PlanCase c = FirmwareCase(GENERATE(Fence::kPmem, Fence::kPram));
  CHECK(TypeAt(TestPlan(c), 20) == MemType::kReserved);
  c.entry.wanted = KernelEntry::kVmlinux;
  CHECK(TypeAt(TestPlan(c), 20) == FencedType(c.kept[0].fence));
}

TEST_CASE("Held memory goes through the handover entry", "[plan][firmware]") {
  PlanCase c = FirmwareCase(Fence::kHeld);
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->entry == KernelEntry::kEfiHandover);
  CHECK(plan->held.size() == 1);
  CHECK(TypeAt(plan, 20) == MemType::kUsable);

  c.entry.has_efi_handover = false;
  CHECK(TestPlan(c)->entry == KernelEntry::kVmlinux);
  c.entry.is_secure = true;
  CheckRefused(TestPlan(c), {.code = Errc::kUnsupported, .what = "setup_data without the EFI handover entry"});
}

TEST_CASE("Native mode goes through the handover entry, and the kernel may stand outside scratch",
          "[plan][firmware][native]") {
  const TestPlan plan(NativeCase());
  REQUIRE(plan.ok());
  CHECK(plan->mode == Mode::kNative);
  CHECK(plan->entry == KernelEntry::kEfiHandover);
  CHECK(TypeAt(plan, 20) == MemType::kUsable);
  CHECK(plan->slot.count == 1 + 20);
  CHECK(plan->slot.range.empty());

  PlanCase direct = NativeCase();
  direct.entry.has_efi_handover = false;
  const TestPlan jumped(direct);
  REQUIRE(jumped.ok());
  CHECK(jumped->mode == Mode::kNative);
  CHECK(jumped->entry == KernelEntry::kVmlinux);
  CHECK(jumped->slot.count == 7);  // In scratch.
}

TEST_CASE("A native handover that the kernel cannot take is fenced, and firmware just starts it",
          "[plan][firmware][native]") {
  PlanCase c = NativeCase();
  const char* why = nullptr;
  SECTION("it does not know it") {
    c.speaks_native = false;
    why = "kernel";
  }
  SECTION("it is not known whether it does") {
    c.speaks_native.reset();
    why = "kernel";
  }
  SECTION("setup_data cannot be passed") {
    c.entry.has_efi_handover = false;
    c.entry.is_secure = true;
    why = "native mode through the efi-image entry";
  }
  SECTION("the image entry is wanted") {
    c.entry.wanted = KernelEntry::kEfiImage;
    why = "native mode through the efi-image entry";
  }
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->mode == Mode::kFence);
  CHECK(plan->entry == KernelEntry::kEfiImage);
  CHECK(TypeAt(plan, 20) == MemType::kReserved);
  REQUIRE(plan->why_fence);
  CheckProblem(*plan->why_fence, {.code = Errc::kUnsupported, .what = why, .other = "kho-v4"});
}

TEST_CASE("A fence that is wanted needs no setup_data", "[plan][firmware][native]") {
  PlanCase c = NativeCase();
  c.mode = ModeWish::kFence;
  CHECK(TestPlan(c)->entry == KernelEntry::kEfiImage);
}

TEST_CASE("Native mode that is wanted is refused where setup_data cannot be passed", "[plan][firmware][native]") {
  PlanCase c = NativeCase();
  c.mode = ModeWish::kNative;
  c.entry.has_efi_handover = false;
  CHECK(TestPlan(c)->entry == KernelEntry::kVmlinux);
  c.entry.is_secure = true;
  CheckRefused(TestPlan(c), {.code = Errc::kUnsupported, .what = "setup_data without the EFI handover entry"});
  c.entry.has_efi_handover = true;
  c.speaks_native = false;
  CheckRefused(TestPlan(c), {.code = Errc::kUnsupported, .what = "kernel", .other = "kho-v4"});
}

TEST_CASE("Before the kernel is known it may still be native, through the handover entry", "[plan][firmware][native]") {
  PlanCase c = NativeCase();
  c.kernel = {};
  c.speaks_native.reset();
  const TestPlan plan(c);
  REQUIRE(plan.ok());
  CHECK(plan->entry == KernelEntry::kEfiHandover);
  CHECK(plan->mode == Mode::kFence);
  CHECK(plan->slot.count == 0);
}

TEST_CASE("The kernel is not entered by the stage under Secure Boot", "[plan][firmware]") {
  PlanCase c = FirmwareCase();
  c.entry.is_secure = true;
  c.entry.wanted = KernelEntry::kVmlinux;
  CheckRefused(TestPlan(c), {.code = Errc::kUntrusted, .what = "vmlinux entry"});
}

TEST_CASE("Kept memory that firmware has is refused with the owner's type", "[plan][firmware]") {
  const std::vector<FirmwareRange> owned{{Mib(0, 1), EfiMemoryType::kBootServicesCode},
                                         {R(20 * kMiB + 0x1000, 22 * kMiB), EfiMemoryType::kBootServicesData}};
  FixedVector<InUse, 4> in_use;
  REQUIRE(ListFirmwareInUse(owned, {}, in_use).ok());
  PlanCase c = FirmwareCase();
  c.in_use.assign(in_use.begin(), in_use.end());
  const TestPlan plan(c);
  REQUIRE(plan.error() == Error{Errc::kOverlap, 20 * kMiB + 0x1000});
  Problem problem = plan->problems[0];
  NameKept(problem, "guest0");
  LineBuffer line;
  SayRefused(line, problem);
  CHECK(line.view() ==
        "refused: overlap: boot services data [0x1401000, 0x1600000) meets kept guest0 "
        "[0x1400000, 0x1500000)");
}

}  // namespace holdfast
