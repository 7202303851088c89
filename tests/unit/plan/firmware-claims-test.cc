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
  PhysRange more_scratch{};  // below the area that there always is
  std::vector<InUse> in_use{};
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
  std::vector<PhysRange> areas{Mib(40, 50)};
  if (!c.more_scratch.empty()) {
    areas.insert(areas.begin(), c.more_scratch);
  }
  if (c.is_native) {
    handover.native = NativeHandover{kKho, "kho-v4", false, areas};
  }
  const BootInputs in{
      .memory = memory.map(),
      .handover = handover,
      .kernel = {.size = 4 * kMiB, .alignment = 2 * kMiB, .min_address = 16 * kMiB, .limit = kPhysLimit},
      .entry = {.in_firmware = true, .has_efi_image = true, .has_efi_handover = true},
      .speaks_native = true,
      .in_use = c.in_use,
      .entry_budget = c.entry_budget};
  std::vector<MemEntry> map_storage(1000);
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

TEST_CASE("What firmware has free for a special purpose is claimed as reserved where it is kept",
          "[plan][firmware-claims]") {
  CheckClaims(
      {.memory = {{Mib(0, 4), MemType::kUsable}, {Mib(4, 8), MemType::kSoftReserved}, {Mib(8, 64), MemType::kUsable}},
       .kept = {{Mib(2, 5), Fence::kReserved}, {Mib(7, 9), Fence::kHeld}},
       .was_ram = {Mib(0, 64)}},
      {{Mib(2, 5), false}, {Mib(7, 8), false}, {Mib(8, 9), true}});
}

// A page each, with the gaps of `gaps` pages between, from 2 MiB on.
std::vector<Kept> Comb(const std::vector<std::uint64_t>& gaps) {
  std::vector<Kept> out;
  std::uint64_t at = 2 * kMiB;
  for (const std::uint64_t gap : gaps) {
    out.push_back({R(at, at + kPageSize), Fence::kReserved, kKho});
    at += (1 + gap) * kPageSize;
  }
  return out;
}

TEST_CASE("Of what stays RAM the smallest gaps are claimed too, down to so many claims", "[plan][firmware-claims]") {
  // Two gaps of one page, two of two, all others of three.
  std::vector<std::uint64_t> gaps(kMaxFencesInFirmware + 3, 3);
  gaps[10] = gaps[20] = 2;
  gaps[15] = gaps[25] = 1;
  ClaimCase c{.kept = Comb(gaps), .is_native = true, .capacity = kMaxFirmwareClaims};
  const auto end_of = [&](std::size_t i) { return c.kept[i].range.end().raw(); };
  const auto [error, claims] = ClaimsOf(c);
  CHECK_FALSE(error);
  REQUIRE(claims.size() == kMaxFencesInFirmware);
  CHECK((claims[10] == FirmwareClaim{R(c.kept[10].range.start().raw(), end_of(11)), true}));
  CHECK((claims[14] == FirmwareClaim{R(c.kept[15].range.start().raw(), end_of(16)), true}));
  CHECK((claims[18] == FirmwareClaim{c.kept[20].range, true}));
  CHECK((claims[23] == FirmwareClaim{R(c.kept[25].range.start().raw(), end_of(26)), true}));
  // No gap is closed as long as there are not too many.
  c.kept.resize(kMaxFencesInFirmware);
  CHECK(ClaimsOf(c).second.size() == kMaxFencesInFirmware);
  c.kept.resize(11);
  CHECK(ClaimsOf(c).second.size() == 11);
}

TEST_CASE("Thousands of native ranges are claimed", "[plan][firmware-claims]") {
  ClaimCase c{.kept = Comb(std::vector<std::uint64_t>(4000, 1)), .is_native = true, .capacity = kMaxFirmwareClaims};
  const auto [error, claims] = ClaimsOf(c);
  CHECK_FALSE(error);
  CHECK(claims.size() == kMaxFencesInFirmware);
}

TEST_CASE("A gap that somebody needs is not claimed", "[plan][firmware-claims]") {
  std::vector<std::uint64_t> gaps(kMaxFencesInFirmware + 1, 3);
  gaps[5] = 1;
  ClaimCase c{.kept = Comb(gaps), .is_native = true, .capacity = kMaxFirmwareClaims};
  const PhysRange gap = R(c.kept[5].range.end().raw(), c.kept[6].range.start().raw());
  SECTION("free") {
    CHECK((ClaimsOf(c).second[5] == FirmwareClaim{R(gap.start().raw() - 0x1000, gap.end().raw() + 0x1000), true}));
  }
  SECTION("in use") {
    c.in_use = {{.name = "boot services data", .range = gap}};
    // The first gap of the others is closed in its place.
    CHECK((ClaimsOf(c).second[4] == FirmwareClaim{c.kept[5].range, true}));
  }
  SECTION("scratch") {
    c.more_scratch = gap;
    CHECK((ClaimsOf(c).second[4] == FirmwareClaim{c.kept[5].range, true}));
  }
  SECTION("reserved") {
    c.memory = {{R(0, gap.start().raw()), MemType::kUsable},
                {gap, MemType::kReserved},
                {R(gap.end().raw(), 64 * kMiB), MemType::kUsable}};
    CHECK((ClaimsOf(c).second[4] == FirmwareClaim{c.kept[5].range, true}));
  }
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
