// SPDX-License-Identifier: BSD-2-Clause
// Tests of what tells a confidential guest, on processors that are made up.

#include "common/arch/x86/confidential.h"

#include <catch2/catch.hpp>

#include <map>

namespace holdfast::x86 {
namespace {

constexpr std::uint32_t kHypervisorBit = std::uint32_t{1} << 31;

struct Processor {
  std::map<std::uint32_t, CpuidResult> leaves;
  std::uint64_t sev_status = 0;
  bool was_asked_for_msr = false;

  bool IsConfidential() {
    return LooksConfidential(
        [this](std::uint32_t leaf) { return leaves.contains(leaf) ? leaves.at(leaf) : CpuidResult{}; },
        [this](std::uint32_t index) {
          CHECK(index == 0xc0010131);
          was_asked_for_msr = true;
          return sev_status;
        });
  }
};

Processor Guest() {
  return {.leaves = {{0, {0x21, 0, 0, 0}}, {1, {0, 0, kHypervisorBit, 0}}, {0x80000000, {0x8000001f, 0, 0, 0}}}};
}

// "IntelTDX    " in EBX, EDX, ECX.
constexpr CpuidResult kTdx = {.eax = 0, .ebx = 0x65746e49, .ecx = 0x20202020, .edx = 0x5844546c};

}  // namespace

TEST_CASE("An ordinary guest and a bare machine are not confidential", "[arch][confidential]") {
  Processor guest = Guest();
  CHECK_FALSE(guest.IsConfidential());
  CHECK_FALSE(guest.was_asked_for_msr);
  Processor machine;
  CHECK_FALSE(machine.IsConfidential());
}

TEST_CASE("A TDX guest says so in leaf 0x21", "[arch][confidential]") {
  Processor guest = Guest();
  guest.leaves[0x21] = kTdx;
  CHECK(guest.IsConfidential());

  SECTION("but not where the processor has no such leaf, which then answers as another") {
    guest.leaves[0].eax = 0x20;
    CHECK_FALSE(guest.IsConfidential());
  }
  SECTION("nor a module's leaf on a machine that is no guest") {
    guest.leaves[1].ecx = 0;
    CHECK_FALSE(guest.IsConfidential());
  }
}

TEST_CASE("An SEV guest says so in SEV_STATUS, where the processor has it", "[arch][confidential]") {
  Processor guest = Guest();
  guest.leaves[0x8000001f].eax = 1 << 1;
  CHECK_FALSE(guest.IsConfidential());
  CHECK(guest.was_asked_for_msr);
  const std::uint64_t bit = GENERATE(0, 1, 2);  // SEV, SEV-ES, SEV-SNP
  guest.sev_status = std::uint64_t{1} << bit;
  CHECK(guest.IsConfidential());
  guest.sev_status = 8;  // what else the register tells
  CHECK_FALSE(guest.IsConfidential());

  SECTION("the register is not read where there is none") {
    guest.was_asked_for_msr = false;
    guest.leaves[0x80000000].eax = 0x8000001e;
    CHECK_FALSE(guest.IsConfidential());
    CHECK_FALSE(guest.was_asked_for_msr);
  }
}

}  // namespace holdfast::x86
