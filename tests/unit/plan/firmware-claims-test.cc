// SPDX-License-Identifier: BSD-2-Clause
// What firmware is told of a plan.

#include "common/plan/firmware-claims.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/plan-fixtures.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using test::Kept;
using test::TestKept;
using test::TestMap;
using test::TestSet;

constexpr std::uint8_t kKho = 1;

PhysRange Mib(std::uint64_t start, std::uint64_t end) { return R(start * kMiB, end * kMiB); }

struct Named {
  std::string name;
  PhysRange range;

  bool operator==(const Named&) const = default;
};

std::vector<Named> InUseOf(const std::vector<FirmwareRange>& owned, const std::vector<FirmwareClaim>& claimed) {
  FixedVector<InUse, 16> out;
  REQUIRE(ListFirmwareInUse(owned, claimed, out).ok());
  std::vector<Named> named;
  for (const InUse& use : out) {
    CHECK_FALSE(use.may_be_kept);
    named.push_back({std::string(use.name), use.range});
  }
  return named;
}

struct ClaimCase {
  std::vector<MemEntry> memory{{Mib(0, 64), MemType::kUsable}};
  std::vector<Kept> kept{};
  std::vector<PhysRange> was_ram{};
  bool is_native = false;
  std::size_t entry_budget = 1000;
  std::size_t capacity = 16;
};

// What is claimed of a plan in firmware, or the error.
std::pair<std::optional<Error>, std::vector<FirmwareClaim>> ClaimsOf(const ClaimCase& c) {
  const TestMap memory(c.memory);
  TestKept kept(c.kept);
  TestSet scratch({});
  TestSet was_ram(c.was_ram);
  Handover handover(kept.map(), scratch.set(), was_ram.set());
  const std::vector<PhysRange> areas{Mib(40, 50)};
  if (c.is_native) {
    handover.native = NativeHandover{kKho, "kho-v4", false, areas};
  }
  const BootInputs in{
      .memory = memory.map(),
      .handover = handover,
      .kernel = {.size = 4 * kMiB, .alignment = 2 * kMiB, .min_address = 16 * kMiB, .limit = kPhysLimit},
      .entry = {.in_firmware = true, .has_efi_image = true, .has_efi_handover = true},
      .speaks_native = true,
      .entry_budget = c.entry_budget};
  std::vector<MemEntry> map_storage(100);
  std::vector<PhysRange> avoid_storage(100);
  BootPlan plan(map_storage, avoid_storage);
  REQUIRE(MakeBootPlan(in, plan).ok());
  CHECK((plan.mode == Mode::kNative) == c.is_native);
  std::vector<FirmwareClaim> storage(c.capacity);
  BoundedVector<FirmwareClaim> out(storage);
  const Status status = ListFirmwareClaims(in, plan, out);
  return {ErrorOf(status), List(out.view())};
}

void CheckClaims(const ClaimCase& c, const std::vector<FirmwareClaim>& expected) {
  const auto [error, claims] = ClaimsOf(c);
  CHECK_FALSE(error);
  CHECK((claims == expected));
}

}  // namespace

TEST_CASE("What firmware has is in use by its type's name, and so is the first MiB", "[plan][firmware-claims]") {
  CHECK((InUseOf({}, {}) == std::vector<Named>{{"first MiB", Mib(0, 1)}}));
  CHECK((InUseOf({{Mib(0, 1), EfiMemoryType::kBootServicesCode},
                  {R(kMiB - 0x1000, 2 * kMiB), EfiMemoryType::kAcpiNvs},
                  {Mib(3, 4), EfiMemoryType::kBootServicesData}},
                 {}) ==
         std::vector<Named>{{"first MiB", Mib(0, 1)}, {"ACPI NVS", Mib(1, 2)}, {"boot services data", Mib(3, 4)}}));
}

TEST_CASE("What is claimed already is not in use", "[plan][firmware-claims]") {
  const std::vector<FirmwareRange> owned{{Mib(3, 6), EfiMemoryType::kReserved},
                                         {Mib(6, 8), EfiMemoryType::kLoaderData},
                                         {Mib(9, 10), EfiMemoryType::kBootServicesData}};
  struct Case {
    const char* name;
    std::vector<FirmwareClaim> claimed;
    std::vector<Named> in_use;
  };
  const auto c = GENERATE(values<Case>({
      {"none of it",
       {{Mib(2, 3)}, {Mib(8, 9)}},
       {{"reserved memory", Mib(3, 6)}, {"loader data", Mib(6, 8)}, {"boot services data", Mib(9, 10)}}},
      {"all of two", {{Mib(3, 6)}, {Mib(6, 8), true}}, {{"boot services data", Mib(9, 10)}}},
      {"parts",
       {{Mib(4, 5)}, {Mib(7, 8), true}},
       {{"reserved memory", Mib(3, 4)},
        {"reserved memory", Mib(5, 6)},
        {"loader data", Mib(6, 7)},
        {"boot services data", Mib(9, 10)}}},
      {"over an end",
       {{Mib(5, 7)}},
       {{"reserved memory", Mib(3, 5)}, {"loader data", Mib(7, 8)}, {"boot services data", Mib(9, 10)}}},
      {"more than there is", {{Mib(2, 20)}}, {}},
  }));
  INFO(c.name);
  std::vector<Named> expected{{"first MiB", Mib(0, 1)}};
  expected.insert(expected.end(), c.in_use.begin(), c.in_use.end());
  CHECK((InUseOf(owned, c.claimed) == expected));
}

TEST_CASE("A list that does not hold what is in use is refused", "[plan][firmware-claims]") {
  FixedVector<InUse, 2> out;
  const std::vector<FirmwareRange> owned{{Mib(3, 6), EfiMemoryType::kReserved}};
  CHECK(ListFirmwareInUse(owned, {}, out).ok());
  out.Clear();
  const std::vector<FirmwareClaim> middle{{Mib(4, 5)}};
  CHECK(ErrorOf(ListFirmwareInUse(owned, middle, out)) == Error{Errc::kTableFull, 2});
  FixedVector<InUse, 0> none;
  CHECK(ErrorOf(ListFirmwareInUse({}, {}, none)) == Error{Errc::kTableFull, 0});
}

TEST_CASE("Kept memory is claimed, joined where it touches and is alike", "[plan][firmware-claims]") {
  CheckClaims({}, {});
  CheckClaims({.kept = {{Mib(2, 3), Fence::kReserved},
                        {Mib(3, 4), Fence::kPmem},
                        {Mib(4, 5), Fence::kHeld},
                        {Mib(6, 7), Fence::kPram}}},
              {{Mib(2, 4), false}, {Mib(4, 5), true}, {Mib(6, 7), false}});
}

TEST_CASE("What a gap closes over is claimed too", "[plan][firmware-claims]") {
  CheckClaims({.kept = {{Mib(2, 3)}, {Mib(4, 5)}, {Mib(8, 9)}}, .entry_budget = 5},
              {{Mib(2, 5), false}, {Mib(8, 9), false}});
}

TEST_CASE("Native memory is claimed as RAM, scratch not at all", "[plan][firmware-claims]") {
  CheckClaims({.kept = {{Mib(2, 3), Fence::kReserved, kKho}, {Mib(5, 6), Fence::kReserved}}, .is_native = true},
              {{Mib(2, 3), true}, {Mib(5, 6), false}});
}

TEST_CASE("What firmware does not call RAM is not claimed", "[plan][firmware-claims]") {
  CheckClaims(
      {.memory = {{Mib(0, 4), MemType::kUsable}, {Mib(4, 6), MemType::kReserved}, {Mib(6, 64), MemType::kUsable}},
       .kept = {{Mib(3, 7), Fence::kReserved}},
       .was_ram = {Mib(0, 64)}},
      {{Mib(3, 4), false}, {Mib(6, 7), false}});
}

TEST_CASE("More claims than the list holds are refused", "[plan][firmware-claims]") {
  const auto [error, claims] = ClaimsOf({.kept = {{Mib(2, 3)}, {Mib(4, 5)}}, .capacity = 1});
  CHECK(error == Error{Errc::kTableFull, 1});
}

TEST_CASE("The budget leaves room for as many fences as boot in good time", "[plan][firmware-claims]") {
  const TestMap memory({{Mib(0, 1), MemType::kUsable}, {Mib(2, 3), MemType::kUsable}});
  CHECK(FirmwareEntryBudget(memory.map()) == 2 + 512);
}

}  // namespace holdfast
