// SPDX-License-Identifier: BSD-2-Clause
// Where a kernel may go.

#include "common/plan/slots.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "tests/support/plan-fixtures.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using test::TestMap;
using test::TestSet;

using Entries = std::vector<MemEntry>;

constexpr MemType kUsable = MemType::kUsable;
constexpr std::uint64_t kPage = kPageSize;
constexpr KernelFacts kOnePage{.size = kPage, .alignment = kPage, .min_address = 0, .limit = kPhysLimit};

}  // namespace

TEST_CASE("Slots are the aligned places in free RAM where the whole kernel fits", "[plan][slots]") {
  struct Case {
    const char* name;
    Entries memory;
    std::vector<PhysRange> avoid;
    KernelFacts kernel;
    std::vector<std::uint64_t> starts;
  };
  const KernelFacts two_mib{.size = 2 * kMiB, .alignment = 2 * kMiB, .min_address = 0, .limit = kPhysLimit};
  const KernelFacts six_mib{.size = 6 * kMiB, .alignment = 2 * kMiB, .min_address = 0, .limit = kPhysLimit};
  const KernelFacts three_pages{.size = 3 * kPage, .alignment = kPage, .min_address = 0, .limit = kPhysLimit};
  const auto with_min = [](KernelFacts kernel, std::uint64_t min_address) {
    kernel.min_address = min_address;
    return kernel;
  };
  const auto with_limit = [](KernelFacts kernel, std::uint64_t limit) {
    kernel.limit = limit;
    return kernel;
  };
  const Entries ram{{R(4 * kMiB, 12 * kMiB), kUsable}};
  const Entries four_pages{{R(0x200000, 0x204000), kUsable}};
  const auto c = GENERATE_COPY(
      Case{"no memory", {}, {}, kOnePage, {}},
      Case{"every alignment", ram, {}, two_mib, {4 * kMiB, 6 * kMiB, 8 * kMiB, 10 * kMiB}},
      Case{"slots of a large kernel overlap", ram, {}, six_mib, {4 * kMiB, 6 * kMiB}},
      Case{"exactly fitting", {{R(4 * kMiB, 10 * kMiB), kUsable}}, {}, six_mib, {4 * kMiB}},
      Case{"one page too small", {{R(4 * kMiB, 10 * kMiB - kPage), kUsable}}, {}, six_mib, {}},
      Case{"one byte too small", {{R(4 * kMiB, 10 * kMiB - 1), kUsable}}, {}, six_mib, {}},
      Case{"larger than any area, smaller than their sum",
           {{R(4 * kMiB, 8 * kMiB), kUsable}, {R(10 * kMiB, 14 * kMiB), kUsable}},
           {},
           six_mib,
           {}},
      Case{"RAM begins a page after an aligned address",
           {{R(4 * kMiB + kPage, 10 * kMiB), kUsable}},
           {},
           two_mib,
           {6 * kMiB, 8 * kMiB}},
      Case{"no aligned address in the area", {{R(4 * kMiB + kPage, 6 * kMiB), kUsable}}, {}, two_mib, {}},
      Case{"RAM ends within a page", {{R(0x200000, 0x203fff), kUsable}}, {}, kOnePage, {0x200000, 0x201000, 0x202000}},
      Case{
          "RAM begins within a page", {{R(0x200001, 0x204000), kUsable}}, {}, kOnePage, {0x201000, 0x202000, 0x203000}},
      Case{"less than a page", {{R(0x200001, 0x201fff), kUsable}}, {}, kOnePage, {}},

      Case{"not below 1 MiB", {{R(0xfe000, 0x102000), kUsable}}, {}, kOnePage, {0x100000, 0x101000}},
      Case{"min_address is a slot", ram, {}, with_min(two_mib, 8 * kMiB), {8 * kMiB, 10 * kMiB}},
      Case{"min_address is one above", ram, {}, with_min(two_mib, 8 * kMiB + 1), {10 * kMiB}},
      Case{"min_address above all", ram, {}, with_min(two_mib, 10 * kMiB + 1), {}},
      Case{"min_address beyond memory", ram, {}, with_min(two_mib, ~std::uint64_t{0}), {}},
      Case{"the limit is an end", ram, {}, with_limit(two_mib, 8 * kMiB), {4 * kMiB, 6 * kMiB}},
      Case{"the limit is one below", ram, {}, with_limit(two_mib, 8 * kMiB - 1), {4 * kMiB}},
      Case{"the limit is below all", ram, {}, with_limit(two_mib, 6 * kMiB - 1), {}},
      Case{"the limit is 0", ram, {}, with_limit(two_mib, 0), {}},
      Case{"the limit is beyond memory", ram, {}, with_limit(six_mib, ~std::uint64_t{0}), {4 * kMiB, 6 * kMiB}},
      Case{"the last place there can be",
           {{R(kPhysLimit - 2 * kPage, kPhysLimit), kUsable}},
           {},
           kOnePage,
           {kPhysLimit - 2 * kPage, kPhysLimit - kPage}},

      Case{"only usable memory counts",
           {{R(0x200000, 0x201000), MemType::kReserved},
            {R(0x201000, 0x202000), MemType::kReservedKern},
            {R(0x202000, 0x203000), MemType::kSoftReserved},
            {R(0x203000, 0x204000), kUsable},
            {R(0x204000, 0x205000), MemType::kPmem},
            {R(0x205000, 0x206000), MemType::kAcpi}},
           {},
           kOnePage,
           {0x203000}},

      Case{"a page in the middle is taken",
           four_pages,
           {R(0x201000, 0x202000)},
           kOnePage,
           {0x200000, 0x202000, 0x203000}},
      Case{"the first page is taken", four_pages, {R(0x200000, 0x201000)}, three_pages, {0x201000}},
      Case{"the last page is taken", four_pages, {R(0x203000, 0x204000)}, three_pages, {0x200000}},
      Case{"neither side is large enough", four_pages, {R(0x202000, 0x203000)}, three_pages, {}},
      Case{"one byte takes its page", four_pages, {R(0x201800, 0x201801)}, kOnePage, {0x200000, 0x202000, 0x203000}},
      Case{"two bytes take two pages", four_pages, {R(0x200fff, 0x201001)}, kOnePage, {0x202000, 0x203000}},
      Case{"what touches takes nothing",
           four_pages,
           {R(0x1ff000, 0x200000), R(0x204000, 0x205000)},
           three_pages,
           {0x200000, 0x201000}},
      Case{"what reaches in takes the page",
           four_pages,
           {R(0x100000, 0x200001), R(0x203fff, 0x300000)},
           kOnePage,
           {0x201000, 0x202000}},
      Case{"two in one page, and a third behind them",
           four_pages,
           {R(0x200100, 0x200200), R(0x200300, 0x200400), R(0x202000, 0x203000)},
           kOnePage,
           {0x201000, 0x203000}},
      Case{"two in the last page", four_pages, {R(0x203100, 0x203200), R(0x203300, 0x203400)}, three_pages, {0x200000}},
      Case{"one across two areas",
           {{R(0x200000, 0x202000), kUsable}, {R(0x203000, 0x205000), kUsable}},
           {R(0x201000, 0x204000)},
           kOnePage,
           {0x200000, 0x204000}},
      Case{"everything is taken", four_pages, {R(0x200000, 0x204000)}, kOnePage, {}},
      Case{"one slot left", four_pages, {R(0x200000, 0x202000), R(0x203000, 0x204000)}, kOnePage, {0x202000}});

  INFO(c.name);
  const TestMap memory(c.memory);
  TestSet avoid(c.avoid);
  REQUIRE(CountSlots({memory.map(), avoid.set()}, c.kernel) == c.starts.size());
  for (std::size_t i = 0; i < c.starts.size(); ++i) {
    INFO(i);
    CHECK(SlotAt({memory.map(), avoid.set()}, c.kernel, i) == R(c.starts[i], c.starts[i] + c.kernel.size));
    CHECK(SlotIndexOf({memory.map(), avoid.set()}, c.kernel, PhysAddr(c.starts[i])) == i);
  }
  // Every other page is no slot.
  for (std::uint64_t start = 0; start < 16 * kMiB; start += kPage) {
    const bool is_slot = std::find(c.starts.begin(), c.starts.end(), start) != c.starts.end();
    REQUIRE(SlotIndexOf({memory.map(), avoid.set()}, c.kernel, PhysAddr(start)).has_value() == is_slot);
    REQUIRE_FALSE(SlotIndexOf({memory.map(), avoid.set()}, c.kernel, PhysAddr(start + 1)).has_value());
  }
}

TEST_CASE("A seed picks the index at its share of 2^64", "[plan][slots]") {
  constexpr std::uint64_t kMax = ~std::uint64_t{0};
  constexpr std::uint64_t kHalf = std::uint64_t{1} << 63;
  struct Case {
    std::uint64_t seed, count, index;
  };
  const auto c =
      GENERATE(Case{0, 1, 0}, Case{kMax, 1, 0}, Case{0, 1000, 0}, Case{kMax, 1000, 999}, Case{kHalf - 1, 2, 0},
               Case{kHalf, 2, 1}, Case{kHalf, 7, 3}, Case{kMax, kMax, kMax - 1}, Case{0x5555555555555555, 3, 0},
               Case{0x5555555555555556, 3, 1}, Case{0xaaaaaaaaaaaaaaaa, 3, 1}, Case{0xaaaaaaaaaaaaaaab, 3, 2});
  CAPTURE(c.seed, c.count);
  CHECK(PickIndex(c.seed, c.count) == c.index);
}

TEST_CASE("No two indices differ by more than one in their number of seeds", "[plan][slots]") {
  const std::uint64_t count = GENERATE(as<std::uint64_t>{}, 2, 3, 7, 97, 1000, 65537);
  CAPTURE(count);
  // The first seed that picks `index`.
  const auto first_seed = [count](std::uint64_t index) {
    std::uint64_t low = 0;
    std::uint64_t high = ~std::uint64_t{0};
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      if (PickIndex(middle, count) < index) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  };
  const std::uint64_t share = ~std::uint64_t{0} / count;  // 2^64 is no multiple of it, or one more
  for (std::uint64_t index = 0; index + 1 < count; index += 1 + count / 200) {
    const std::uint64_t num_seeds = first_seed(index + 1) - first_seed(index);
    REQUIRE((num_seeds == share || num_seeds == share + 1));
  }
}

TEST_CASE("Each of the slots of a scattered map is picked as often as any other", "[plan][slots]") {
  // Areas of 1, 2, 5, 20 and 100 slots, some split by what must be avoided.
  const TestMap memory({{R(0x200000, 0x201000), kUsable},
                        {R(0x300000, 0x302000), kUsable},
                        {R(0x400000, 0x405000), kUsable},
                        {R(0x500000, 0x516000), kUsable},
                        {R(0x600000, 0x666000), kUsable}});
  TestSet avoid({R(0x508000, 0x50a000), R(0x620800, 0x621800)});
  const std::uint64_t count = CountSlots({memory.map(), avoid.set()}, kOnePage);
  REQUIRE(count == 128);

  constexpr std::uint64_t kNumSeeds = 100'000;
  std::mt19937_64 random(20240229);
  std::vector<std::uint64_t> hits(count);
  std::vector<std::uint64_t> hits_by_area(count);  // what picking an area first would do
  const std::vector<std::uint64_t> areas{1, 2, 5, 8, 12, 32, 68};
  for (std::uint64_t i = 0; i < kNumSeeds; ++i) {
    const std::uint64_t seed = random();
    const PhysRange slot = SlotAt({memory.map(), avoid.set()}, kOnePage, PickIndex(seed, count));
    ++hits.at(SlotIndexOf({memory.map(), avoid.set()}, kOnePage, slot.start()).value());

    const std::uint64_t area = seed % areas.size();
    std::uint64_t index = seed / areas.size() % areas[area];
    for (std::uint64_t a = 0; a < area; ++a) index += areas[a];
    ++hits_by_area.at(index);
  }

  const auto chi_squared = [count](const std::vector<std::uint64_t>& counts) {
    const double expected = static_cast<double>(kNumSeeds) / static_cast<double>(count);
    double sum = 0;
    for (const std::uint64_t n : counts) {
      sum += (static_cast<double>(n) - expected) * (static_cast<double>(n) - expected) / expected;
    }
    return sum;
  };
  // 127 degrees of freedom: the quantile of 0.999 is 181.99 (Wilson and Hilferty).
  CHECK(chi_squared(hits) < 182.0);
  CHECK(chi_squared(hits_by_area) > 10'000.0);
}

TEST_CASE("The highest place is as high as size, alignment and limit allow", "[plan][slots]") {
  struct Case {
    const char* name;
    Entries memory;
    std::vector<PhysRange> avoid;
    PlaceRequest request;
    std::optional<PhysRange> place;
  };
  const Entries ram{{R(0x200000, 0x210000), kUsable}, {R(0x300000, 0x304000), kUsable}};
  const PhysRange nothing;
  const auto c = GENERATE_COPY(
      Case{"no memory", {}, {}, {kPage, kPage, kPhysLimit, nothing}, std::nullopt},
      Case{"at the end", ram, {}, {kPage, kPage, kPhysLimit, nothing}, R(0x303000, 0x304000)},
      Case{"exactly fitting", ram, {}, {0x4000, kPage, kPhysLimit, nothing}, R(0x300000, 0x304000)},
      Case{"one byte more: lower", ram, {}, {0x4001, kPage, kPhysLimit, nothing}, R(0x20b000, 0x20f001)},
      Case{"the largest", ram, {}, {0x10000, kPage, kPhysLimit, nothing}, R(0x200000, 0x210000)},
      Case{"larger than any", ram, {}, {0x10001, kPage, kPhysLimit, nothing}, std::nullopt},
      Case{"larger than all memory", ram, {}, {~std::uint64_t{0}, kPage, kPhysLimit, nothing}, std::nullopt},
      Case{"rounded down to the alignment", ram, {}, {0x2800, 0x2000, kPhysLimit, nothing}, R(0x300000, 0x302800)},
      Case{"aligned to less than a page", ram, {}, {100, 16, kPhysLimit, nothing}, R(0x303f90, 0x303ff4)},
      Case{"alignment leaves no place",
           {{R(0x201000, 0x210000), kUsable}},
           {},
           {kPage, kMiB, kPhysLimit, nothing},
           std::nullopt},
      Case{"alignment larger than any address", ram, {}, {kPage, kGiB, kPhysLimit, nothing}, std::nullopt},
      Case{"ends at the limit", ram, {}, {kPage, kPage, 0x302000, nothing}, R(0x301000, 0x302000)},
      Case{"the limit is one below", ram, {}, {kPage, kPage, 0x301fff, nothing}, R(0x300000, 0x301000)},
      Case{"the limit is in the first area", ram, {}, {kPage, kPage, 0x201000, nothing}, R(0x200000, 0x201000)},
      Case{"nothing below the limit", ram, {}, {kPage, kPage, 0x200fff, nothing}, std::nullopt},
      Case{"not below 1 MiB",
           {{R(0, 0x101000), kUsable}},
           {},
           {kPage, kPage, kPhysLimit, nothing},
           R(0x100000, 0x101000)},
      Case{"nothing above 1 MiB", {{R(0, 0x100000), kUsable}}, {}, {kPage, kPage, kPhysLimit, nothing}, std::nullopt},
      Case{"below what is taken",
           ram,
           {R(0x302000, 0x304000)},
           {kPage, kPage, kPhysLimit, nothing},
           R(0x301000, 0x302000)},
      Case{"above what is taken",
           ram,
           {R(0x300000, 0x303000)},
           {kPage, kPage, kPhysLimit, nothing},
           R(0x303000, 0x304000)},
      Case{"a byte takes its page",
           ram,
           {R(0x303fff, 0x304000)},
           {kPage, kPage, kPhysLimit, nothing},
           R(0x302000, 0x303000)},
      Case{"two in one page, and a third behind them",
           ram,
           {R(0x300100, 0x300200), R(0x300300, 0x300400), R(0x303000, 0x304000)},
           {kPage, kPage, kPhysLimit, nothing},
           R(0x302000, 0x303000)},
      Case{"the area is taken",
           ram,
           {R(0x300000, 0x304000)},
           {kPage, kPage, kPhysLimit, nothing},
           R(0x20f000, 0x210000)},
      Case{"off one more range", ram, {}, {kPage, kPage, kPhysLimit, R(0x303000, 0x304000)}, R(0x302000, 0x303000)},
      Case{"above one more range", ram, {}, {kPage, kPage, kPhysLimit, R(0x302000, 0x303000)}, R(0x303000, 0x304000)},
      Case{"below it, for there is no room above",
           ram,
           {},
           {0x2000, kPage, kPhysLimit, R(0x302000, 0x303000)},
           R(0x300000, 0x302000)},
      Case{"in another area, for there is none on either side",
           ram,
           {},
           {0x3000, kPage, kPhysLimit, R(0x302000, 0x303000)},
           R(0x20d000, 0x210000)},
      Case{"a byte of one more range takes its page",
           ram,
           {},
           {kPage, kPage, kPhysLimit, R(0x303100, 0x303101)},
           R(0x302000, 0x303000)},
      Case{"one more range that touches",
           ram,
           {},
           {0x4000, kPage, kPhysLimit, R(0x304000, 0x305000)},
           R(0x300000, 0x304000)},
      Case{"one more range over everything", ram, {}, {kPage, kPage, kPhysLimit, R(0, kGiB)}, std::nullopt},
      Case{"smaller than a page, off a page that is taken in part",
           ram,
           {R(0x303800, 0x303900)},
           {100, 16, kPhysLimit, nothing},
           R(0x302f90, 0x302ff4)},
      Case{"smaller than a page, off one more range's page",
           ram,
           {},
           {100, 16, kPhysLimit, R(0x303800, 0x303900)},
           R(0x302f90, 0x302ff4)},
      Case{"not in a page that is RAM in part",
           {{R(0x200000, 0x201800), kUsable}},
           {},
           {100, 16, kPhysLimit, nothing},
           R(0x200f90, 0x200ff4)},
      Case{"only usable memory counts",
           {{R(0x200000, 0x201000), kUsable}, {R(0x201000, 0x202000), MemType::kReservedKern}},
           {},
           {kPage, kPage, kPhysLimit, nothing},
           R(0x200000, 0x201000)});

  INFO(c.name);
  const TestMap memory(c.memory);
  TestSet avoid(c.avoid);
  CHECK(HighestPlace({memory.map(), avoid.set()}, c.request) == c.place);
}

TEST_CASE("A place may be asked for within ranges, outside of them, and off kept memory", "[plan][slots]") {
  const TestMap memory({{R(0x200000, 0x210000), MemType::kUsable}});
  TestSet avoid({});
  test::TestKept kept({{R(0x208000, 0x209000)}, {R(0x20e000, 0x20e001)}});
  const std::vector<PhysRange> areas = {R(0x204000, 0x206000), R(0x207800, 0x20a000)};
  const auto highest = [&](const FreeSpace& space, std::uint64_t size) {
    return HighestPlace(space, {size, kPageSize, kPhysLimit, PhysRange()});
  };
  const FreeSpace all{memory.map(), avoid.set()};
  CHECK(highest(all, 0x1000) == R(0x20f000, 0x210000));

  FreeSpace off = all;
  off.off = &kept.map();
  CHECK(highest(off, 0x1000) == R(0x20f000, 0x210000));
  CHECK(highest(off, 0x2000) == R(0x20c000, 0x20e000));
  CHECK(highest(off, 0x6000) == R(0x202000, 0x208000));

  // Of an area only whole pages count.
  FreeSpace within = off;
  within.within = areas;
  CHECK(highest(within, 0x1000) == R(0x209000, 0x20a000));
  CHECK(highest(within, 0x2000) == R(0x204000, 0x206000));
  CHECK_FALSE(highest(within, 0x3000));
  const KernelFacts kernel{.size = 0x1000, .alignment = 0x1000, .min_address = 0, .limit = kPhysLimit};
  CHECK(CountSlots(within, kernel) == 3);
  CHECK(SlotAt(within, kernel, 2) == R(0x209000, 0x20a000));
  CHECK(SlotIndexOf(within, kernel, PhysAddr(0x205000)) == 1);
  CHECK_FALSE(SlotIndexOf(within, kernel, PhysAddr(0x208000)));
  within.within = std::span<const PhysRange>();
  CHECK(CountSlots(within, kernel) == 0);

  FreeSpace outside = off;
  outside.outside = areas;
  CHECK(highest(outside, 0x4000) == R(0x20a000, 0x20e000));
  CHECK_FALSE(highest(outside, 0x5000));
  // What an area begins or ends in belongs to it.
  CHECK(CountSlots(outside, kernel) == 4 + 1 + 4 + 1);
}

}  // namespace holdfast
