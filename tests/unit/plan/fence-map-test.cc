// SPDX-License-Identifier: BSD-2-Clause
// The memory map that the next kernel sees.

#include "common/plan/fence-map.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
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

using Entries = std::vector<MemEntry>;

constexpr MemType kUsable = MemType::kUsable;
constexpr MemType kReserved = MemType::kReserved;
constexpr MemType kKern = MemType::kReservedKern;
constexpr std::size_t kNoBudget = 100'000;

struct Fenced {
  std::optional<Error> error;
  Entries map;
  std::uint64_t closed_bytes = 0;
};

Fenced FenceOf(const Entries& memory, const std::vector<Kept>& kept, std::size_t budget = kNoBudget,
               const std::vector<PhysRange>& pinned = {}, std::size_t capacity = 10'000) {
  const TestMap map(memory);
  TestKept sealed(kept);
  Entries storage(capacity);
  MemoryMap out(storage);
  std::uint64_t closed_bytes = 1;  // To be overwritten.
  const Status status =
      FenceMap(map.map(), sealed.map(), {.entry_budget = budget, .pinned = pinned}, out, closed_bytes);
  return {ErrorOf(status), List(out.view()), closed_bytes};
}

std::uint64_t BytesOf(const Entries& entries) {
  std::uint64_t sum = 0;
  for (const MemEntry& entry : entries) {
    sum += entry.range.size();
  }
  return sum;
}

// One page kept at each address.
std::vector<Kept> Pages(const std::vector<std::uint64_t>& starts) {
  std::vector<Kept> kept;
  for (const std::uint64_t start : starts) {
    kept.push_back({R(start, start + kPageSize)});
  }
  return kept;
}

}  // namespace

TEST_CASE("Each fence has the type that its owner chose", "[plan][fence-map]") {
  CHECK(FencedType(Fence::kReserved) == MemType::kReserved);
  CHECK(FencedType(Fence::kHeld) == MemType::kUsable);
  CHECK(FencedType(Fence::kPmem) == MemType::kPmem);
  CHECK(FencedType(Fence::kPram) == MemType::kPram);
}

TEST_CASE("A fence has a type that RAM has not, or none", "[plan][fence-map]") {
  for (const Fence fence : {Fence::kReserved, Fence::kHeld, Fence::kPmem, Fence::kPram}) {
    CHECK(IsFenceType(FencedType(fence)) == (fence != Fence::kHeld));
  }
  for (const MemType type : {MemType::kAcpi, MemType::kNvs, MemType::kUnusable, MemType::kReservedKern,
                             MemType::kSoftReserved, MemType{20}}) {
    CHECK_FALSE(IsFenceType(type));
  }
}

TEST_CASE("Through an EFI entry nothing is persistent", "[plan][fence-map]") {
  const KernelEntry direct = GENERATE(KernelEntry::kAuto, KernelEntry::kVmlinux, KernelEntry::kBzImage);
  const KernelEntry efi = GENERATE(KernelEntry::kEfiImage, KernelEntry::kEfiHandover);
  for (const Fence fence : {Fence::kReserved, Fence::kHeld, Fence::kPmem, Fence::kPram}) {
    CHECK(FenceThrough(direct, fence) == fence);
    CHECK(FenceThrough(efi, fence) == (fence == Fence::kHeld ? Fence::kHeld : Fence::kReserved));
  }
}

TEST_CASE("Kept ranges split the entries that they lie in, and no byte is lost", "[plan][fence-map]") {
  struct Case {
    const char* name;
    Entries memory;
    std::vector<Kept> kept;
    Entries expected;
  };
  const Entries ram{{R(0x1000, 0x9000), kUsable}};
  const auto c = GENERATE_COPY(
      Case{"no memory, nothing kept", {}, {}, {}}, Case{"nothing kept", ram, {}, ram},
      Case{"in the middle",
           ram,
           {{R(0x3000, 0x5000)}},
           {{R(0x1000, 0x3000), kUsable}, {R(0x3000, 0x5000), kReserved}, {R(0x5000, 0x9000), kUsable}}},
      Case{"at the start", ram, {{R(0x1000, 0x2000)}}, {{R(0x1000, 0x2000), kReserved}, {R(0x2000, 0x9000), kUsable}}},
      Case{"one page after the start",
           ram,
           {{R(0x2000, 0x3000)}},
           {{R(0x1000, 0x2000), kUsable}, {R(0x2000, 0x3000), kReserved}, {R(0x3000, 0x9000), kUsable}}},
      Case{"at the end", ram, {{R(0x8000, 0x9000)}}, {{R(0x1000, 0x8000), kUsable}, {R(0x8000, 0x9000), kReserved}}},
      Case{"one page before the end",
           ram,
           {{R(0x7000, 0x8000)}},
           {{R(0x1000, 0x7000), kUsable}, {R(0x7000, 0x8000), kReserved}, {R(0x8000, 0x9000), kUsable}}},
      Case{"the whole entry", ram, {{R(0x1000, 0x9000)}}, {{R(0x1000, 0x9000), kReserved}}},
      Case{"at both ends",
           ram,
           {{R(0x1000, 0x2000)}, {R(0x8000, 0x9000)}},
           {{R(0x1000, 0x2000), kReserved}, {R(0x2000, 0x8000), kUsable}, {R(0x8000, 0x9000), kReserved}}},
      Case{"several in one entry",
           ram,
           {{R(0x2000, 0x3000)}, {R(0x4000, 0x6000)}},
           {{R(0x1000, 0x2000), kUsable},
            {R(0x2000, 0x3000), kReserved},
            {R(0x3000, 0x4000), kUsable},
            {R(0x4000, 0x6000), kReserved},
            {R(0x6000, 0x9000), kUsable}}},
      Case{"one in each of two entries",
           {{R(0x1000, 0x4000), kUsable}, {R(0x6000, 0x9000), kUsable}},
           {{R(0x3000, 0x4000)}, {R(0x6000, 0x7000)}},
           {{R(0x1000, 0x3000), kUsable},
            {R(0x3000, 0x4000), kReserved},
            {R(0x6000, 0x7000), kReserved},
            {R(0x7000, 0x9000), kUsable}}},
      Case{"across two entries that touch",
           {{R(0x1000, 0x4000), kUsable}, {R(0x4000, 0x9000), kKern}},
           {{R(0x3000, 0x6000)}},
           {{R(0x1000, 0x3000), kUsable}, {R(0x3000, 0x6000), kReserved}, {R(0x6000, 0x9000), kKern}}},
      Case{"across three entries, one of them whole",
           {{R(0x1000, 0x4000), kUsable}, {R(0x4000, 0x5000), kKern}, {R(0x5000, 0x9000), kUsable}},
           {{R(0x3000, 0x6000)}},
           {{R(0x1000, 0x3000), kUsable}, {R(0x3000, 0x6000), kReserved}, {R(0x6000, 0x9000), kUsable}}},
      Case{"across two entries, and another in the second",
           {{R(0x1000, 0x4000), kUsable}, {R(0x4000, 0x9000), kKern}},
           {{R(0x3000, 0x5000)}, {R(0x7000, 0x8000)}},
           {{R(0x1000, 0x3000), kUsable},
            {R(0x3000, 0x5000), kReserved},
            {R(0x5000, 0x7000), kKern},
            {R(0x7000, 0x8000), kReserved},
            {R(0x8000, 0x9000), kKern}}},
      Case{"up to the seam of two entries",
           {{R(0x1000, 0x4000), kUsable}, {R(0x4000, 0x9000), kKern}},
           {{R(0x3000, 0x4000)}},
           {{R(0x1000, 0x3000), kUsable}, {R(0x3000, 0x4000), kReserved}, {R(0x4000, 0x9000), kKern}}},
      Case{"joined to firmware's reserved memory",
           {{R(0x1000, 0x4000), kUsable}, {R(0x4000, 0x9000), kReserved}},
           {{R(0x3000, 0x4000)}},
           {{R(0x1000, 0x3000), kUsable}, {R(0x3000, 0x9000), kReserved}}},
      Case{"reserved already, by the boot before",
           {{R(0x1000, 0x4000), kUsable}, {R(0x4000, 0x6000), kReserved}, {R(0x6000, 0x9000), kUsable}},
           {{R(0x4000, 0x6000)}},
           {{R(0x1000, 0x4000), kUsable}, {R(0x4000, 0x6000), kReserved}, {R(0x6000, 0x9000), kUsable}}},
      Case{"persistent before, reserved now",
           {{R(0x1000, 0x4000), kUsable}, {R(0x4000, 0x6000), MemType::kPmem}},
           {{R(0x4000, 0x6000)}},
           {{R(0x1000, 0x4000), kUsable}, {R(0x4000, 0x6000), kReserved}}},
      Case{"held: the map stays as it is", ram, {{R(0x3000, 0x5000), Fence::kHeld}}, ram},
      Case{"held, and marked for it: stays marked",
           {{R(0x1000, 0x5000), kUsable}, {R(0x5000, 0x9000), kKern}},
           {{R(0x3000, 0x7000), Fence::kHeld}},
           {{R(0x1000, 0x5000), kUsable}, {R(0x5000, 0x9000), kKern}}},
      Case{"held, reserved by the boot before: RAM again",
           {{R(0x1000, 0x4000), kUsable}, {R(0x4000, 0x6000), kReserved}},
           {{R(0x4000, 0x6000), Fence::kHeld}},
           {{R(0x1000, 0x6000), kUsable}}},
      Case{"pmem",
           ram,
           {{R(0x3000, 0x5000), Fence::kPmem}},
           {{R(0x1000, 0x3000), kUsable}, {R(0x3000, 0x5000), MemType::kPmem}, {R(0x5000, 0x9000), kUsable}}},
      Case{"pram",
           ram,
           {{R(0x3000, 0x5000), Fence::kPram}},
           {{R(0x1000, 0x3000), kUsable}, {R(0x3000, 0x5000), MemType::kPram}, {R(0x5000, 0x9000), kUsable}}},
      Case{
          "fences that touch stay apart",
          ram,
          {{R(0x3000, 0x4000), Fence::kPmem}, {R(0x4000, 0x5000), Fence::kReserved}, {R(0x5000, 0x6000), Fence::kPram}},
          {{R(0x1000, 0x3000), kUsable},
           {R(0x3000, 0x4000), MemType::kPmem},
           {R(0x4000, 0x5000), kReserved},
           {R(0x5000, 0x6000), MemType::kPram},
           {R(0x6000, 0x9000), kUsable}}},
      Case{"RAM that ends within a page",
           {{R(0x1000, 0x3800), kUsable}, {R(0x3800, 0x4000), kReserved}},
           {{R(0x2000, 0x3000)}},
           {{R(0x1000, 0x2000), kUsable},
            {R(0x2000, 0x3000), kReserved},
            {R(0x3000, 0x3800), kUsable},
            {R(0x3800, 0x4000), kReserved}}},
      Case{"other types are carried through",
           {{R(0x1000, 0x2000), MemType::kAcpi},
            {R(0x2000, 0x3000), MemType::kNvs},
            {R(0x3000, 0x4000), MemType::kUnusable},
            {R(0x4000, 0x6000), kUsable},
            {R(0x6000, 0x7000), MemType{77}}},
           {{R(0x5000, 0x6000)}},
           {{R(0x1000, 0x2000), MemType::kAcpi},
            {R(0x2000, 0x3000), MemType::kNvs},
            {R(0x3000, 0x4000), MemType::kUnusable},
            {R(0x4000, 0x5000), kUsable},
            {R(0x5000, 0x6000), kReserved},
            {R(0x6000, 0x7000), MemType{77}}}},
      Case{"the first and the last page there can be",
           {{R(0, 0x2000), kUsable}, {R(kPhysLimit - 0x2000, kPhysLimit), kUsable}},
           {{R(0, 0x1000)}, {R(kPhysLimit - 0x1000, kPhysLimit)}},
           {{R(0, 0x1000), kReserved},
            {R(0x1000, 0x2000), kUsable},
            {R(kPhysLimit - 0x2000, kPhysLimit - 0x1000), kUsable},
            {R(kPhysLimit - 0x1000, kPhysLimit), kReserved}}});

  INFO(c.name);
  const Fenced fenced = FenceOf(c.memory, c.kept);
  CHECK(fenced.error == std::nullopt);
  CHECK(fenced.map == c.expected);
  CHECK(fenced.closed_bytes == 0);
  CHECK(BytesOf(fenced.map) == BytesOf(c.memory));

  // It takes exactly the entries that it has.
  CHECK(FenceOf(c.memory, c.kept, c.expected.size()).map == c.expected);
  CHECK(FenceOf(c.memory, c.kept, kNoBudget, {}, c.expected.size()).map == c.expected);
  if (!c.expected.empty()) {
    const std::size_t less = c.expected.size() - 1;  // None of these gaps is above 1 MiB.
    CHECK(FenceOf(c.memory, c.kept, less).error == Error{Errc::kTableFull, less});
    CHECK(FenceOf(c.memory, c.kept, kNoBudget, {}, less).error == Error{Errc::kTableFull, less});
  }
}

//   0x10f000  110  111 112 113  114  115  116  117 118  119  11a  11b  11c
//   | usable | K  |  3 pages  | K  | 1  | K  |  2     | K  | 1  | K  | usable
TEST_CASE("Gaps are closed from the smallest up, of equal ones the lowest first", "[plan][fence-map]") {
  const Entries memory{{R(kMiB, 2 * kMiB), kUsable}};
  const std::vector<Kept> kept = Pages({0x110000, 0x114000, 0x116000, 0x119000, 0x11b000});
  struct Case {
    const char* name;
    std::size_t budget;
    std::optional<Error> error;
    std::vector<PhysRange> reserved;
    std::uint64_t closed_bytes;
  };
  const PhysRange first = R(0x110000, 0x111000);
  const auto c = GENERATE_COPY(
      Case{"just enough",
           11,
           {},
           {first, R(0x114000, 0x115000), R(0x116000, 0x117000), R(0x119000, 0x11a000), R(0x11b000, 0x11c000)},
           0},
      Case{"one too many: the lowest of the two smallest",
           10,
           {},
           {first, R(0x114000, 0x117000), R(0x119000, 0x11a000), R(0x11b000, 0x11c000)},
           0x1000},
      Case{"two too many", 9, {}, {first, R(0x114000, 0x117000), R(0x119000, 0x11a000), R(0x11b000, 0x11c000)}, 0x1000},
      Case{
          "three too many: both of the smallest", 8, {}, {first, R(0x114000, 0x117000), R(0x119000, 0x11c000)}, 0x2000},
      Case{"room for seven", 7, {}, {first, R(0x114000, 0x117000), R(0x119000, 0x11c000)}, 0x2000},
      Case{"room for five: two pages more", 5, {}, {first, R(0x114000, 0x11c000)}, 0x4000},
      Case{"room for four: all gaps", 4, {}, {R(0x110000, 0x11c000)}, 0x7000},
      Case{"room for three", 3, {}, {R(0x110000, 0x11c000)}, 0x7000},
      Case{"room for two: too full", 2, Error{Errc::kTableFull, 2}, {}, 0},
      Case{"room for none: too full", 0, Error{Errc::kTableFull, 0}, {}, 0});

  INFO(c.name);
  const bool by_capacity = GENERATE(false, true);  // The smaller one of the two limits counts.
  const Fenced fenced = by_capacity ? FenceOf(memory, kept, kNoBudget, {}, c.budget) : FenceOf(memory, kept, c.budget);
  CHECK(fenced.error == c.error);
  if (!c.error) {
    std::vector<PhysRange> reserved;
    for (const MemEntry& entry : fenced.map) {
      if (entry.type == kReserved) reserved.push_back(entry.range);
    }
    CHECK(reserved == c.reserved);
    CHECK(fenced.closed_bytes == c.closed_bytes);
    CHECK(fenced.map.size() <= c.budget);
    CHECK(BytesOf(fenced.map) == BytesOf(memory));
  }
}

TEST_CASE("Gaps of very different sizes are closed in the order of their sizes", "[plan][fence-map]") {
  // In pages, on both sides of each power of 256.
  const std::vector<std::uint64_t> sizes{0x10000, 0x101, 1,      0xff,      0x100,    0xffff,
                                         0x10001, 2,     0xfffe, 0x1000000, 0xffffff, 0x200000001};
  std::vector<Kept> kept = Pages({kMiB});
  for (const std::uint64_t size : sizes) {
    const std::uint64_t start = kept.back().range.end().raw() + size * kPageSize;
    kept.push_back({R(start, start + kPageSize)});
  }
  const Entries memory{{R(kMiB, kept.back().range.end().raw()), kUsable}};
  std::vector<std::uint64_t> sorted = sizes;
  std::sort(sorted.begin(), sorted.end());

  const std::size_t num_entries = 2 * sizes.size() + 1;
  std::uint64_t closed_bytes = 0;
  for (std::size_t num_closed = 0; num_closed <= sizes.size(); ++num_closed) {
    INFO(num_closed);
    const Fenced fenced = FenceOf(memory, kept, num_entries - 2 * num_closed);
    REQUIRE(fenced.error == std::nullopt);
    CHECK(fenced.closed_bytes == closed_bytes);
    CHECK(fenced.map.size() == num_entries - 2 * num_closed);
    closed_bytes += num_closed < sorted.size() ? sorted[num_closed] * kPageSize : 0;
  }
}

TEST_CASE("A gap that something stands in is never closed", "[plan][fence-map]") {
  // Gaps: one page at 0x111000, two pages at 0x113000.
  const Entries memory{{R(kMiB, 2 * kMiB), kUsable}};
  const std::vector<Kept> kept = Pages({0x110000, 0x112000, 0x115000});
  struct Case {
    const char* name;
    std::vector<PhysRange> pinned;
    std::uint64_t closed_bytes;
  };
  const auto c = GENERATE(
      Case{"nothing pinned", {}, 0x1000}, Case{"the whole small gap", {R(0x111000, 0x112000)}, 0x2000},
      Case{"its first byte", {R(0x111000, 0x111001)}, 0x2000}, Case{"its last byte", {R(0x111fff, 0x112000)}, 0x2000},
      Case{"up to where it begins", {R(0x110000, 0x111000)}, 0x1000},
      Case{"from where it ends", {R(0x112000, 0x113000)}, 0x1000},
      Case{"up to where it begins, and inside", {R(0x110000, 0x111000), R(0x111800, 0x111900)}, 0x2000},
      Case{"the large gap only", {R(0x113000, 0x115000)}, 0x1000}, Case{"across both", {R(0x111000, 0x114000)}, 0},
      Case{"both", {R(0x111100, 0x111200), R(0x114fff, 0x115000)}, 0},
      Case{"far away", {R(0x1000, 0x2000), R(0x180000, 0x190000)}, 0x1000});

  INFO(c.name);
  const Fenced fenced = FenceOf(memory, kept, 6, c.pinned);
  if (c.closed_bytes == 0) {
    CHECK(fenced.error == Error{Errc::kTableFull, 6});
  } else {
    CHECK(fenced.error == std::nullopt);
    CHECK(fenced.closed_bytes == c.closed_bytes);
  }
}

TEST_CASE("A gap below 1 MiB is never closed", "[plan][fence-map]") {
  struct Case {
    const char* name;
    std::vector<std::uint64_t> kept;
    bool closed;
  };
  const auto c = GENERATE(
      Case{"ends at 1 MiB", {0xfe000, 0x100000}, false}, Case{"around it", {0xfe000, 0x101000}, false},
      Case{"begins at 1 MiB", {0xff000, 0x101000}, true}, Case{"begins a page above", {0x100000, 0x102000}, true});

  INFO(c.name);
  const Fenced fenced = FenceOf({{R(0, 2 * kMiB), kUsable}}, Pages(c.kept), 4);
  CHECK(fenced.error == (c.closed ? std::nullopt : std::optional(Error{Errc::kTableFull, 4})));
}

TEST_CASE("Only RAM right between two ranges that are kept reserved is a gap", "[plan][fence-map]") {
  struct Case {
    const char* name;
    Entries memory;
    std::vector<Kept> kept;
    bool closed;
  };
  const PhysRange left = R(0x110000, 0x111000);
  const PhysRange right = R(0x112000, 0x113000);
  const Entries ram{{R(kMiB, 2 * kMiB), kUsable}};
  const auto c = GENERATE_COPY(
      Case{"RAM between two", ram, {{left}, {right}}, true}, Case{"nothing behind it", ram, {{left}}, false},
      Case{"pmem before it", ram, {{left, Fence::kPmem}, {right}}, false},
      Case{"pmem behind it", ram, {{left}, {right, Fence::kPmem}}, false},
      Case{"pmem on both sides", ram, {{left, Fence::kPmem}, {right, Fence::kPmem}}, false},
      Case{"held behind it", ram, {{left}, {right, Fence::kHeld}}, false},
      Case{"held between them",
           ram,
           {{R(0x110000, 0x111000)}, {R(0x111000, 0x112000), Fence::kHeld}, {R(0x112000, 0x113000)}},
           false},
      Case{"pmem between them", ram, {{left}, {R(0x111000, 0x112000), Fence::kPmem}, {right}}, false},
      Case{"firmware's reserved memory behind it",
           {{R(kMiB, 0x112000), kUsable}, {R(0x112000, 0x113000), kReserved}},
           {{left}},
           false},
      Case{"Linux' own RAM between them",
           {{R(kMiB, 0x111000), kUsable}, {R(0x111000, 0x112000), kKern}, {R(0x112000, 2 * kMiB), kUsable}},
           {{left}, {right}},
           false},
      Case{"ACPI tables between them",
           {{R(kMiB, 0x111000), kUsable}, {R(0x111000, 0x112000), MemType::kAcpi}, {R(0x112000, 2 * kMiB), kUsable}},
           {{left}, {right}},
           false},
      Case{"a hole between them",
           {{R(kMiB, 0x111000), kUsable}, {R(0x112000, 2 * kMiB), kUsable}},
           {{left}, {right}},
           false},
      Case{
          "RAM and a hole", {{R(kMiB, 0x111800), kUsable}, {R(0x112000, 2 * kMiB), kUsable}}, {{left}, {right}}, false},
      Case{
          "a hole and RAM", {{R(kMiB, 0x111000), kUsable}, {R(0x111800, 2 * kMiB), kUsable}}, {{left}, {right}}, false},
      Case{"RAM and ACPI tables",
           {{R(kMiB, 0x111800), kUsable}, {R(0x111800, 0x112000), MemType::kAcpi}, {R(0x112000, 2 * kMiB), kUsable}},
           {{left}, {right}},
           false},
      Case{"kept memory that was reserved before, on both sides",
           {{left, kReserved}, {R(0x111000, 0x112000), kUsable}, {right, kReserved}},
           {{left}, {right}},
           true});

  INFO(c.name);
  const std::size_t num_entries = FenceOf(c.memory, c.kept).map.size();
  const Fenced fenced = FenceOf(c.memory, c.kept, num_entries - 1);
  if (c.closed) {
    CHECK(fenced.error == std::nullopt);
    CHECK(fenced.map.size() == num_entries - 2);
    CHECK(fenced.closed_bytes == 0x1000);
  } else {
    CHECK(fenced.error == Error{Errc::kTableFull, num_entries - 1});
  }
}

TEST_CASE("A thousand kept pages fit into 129 entries, and every gap that can stay stays", "[plan][fence-map]") {
  std::vector<std::uint64_t> starts;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    starts.push_back(kMiB + kPageSize + 2 * i * kPageSize);
  }
  const Entries memory{{R(kMiB, kMiB + 2001 * kPageSize), kUsable}};
  CHECK(FenceOf(memory, Pages(starts)).map.size() == 2001);

  const Fenced fenced = FenceOf(memory, Pages(starts), 129);
  CHECK(fenced.error == std::nullopt);
  CHECK(fenced.map.size() == 129);
  CHECK(fenced.closed_bytes == 936 * kPageSize);
  // All are equal, so the lowest were closed: 937 kept pages and 936 gaps in one entry.
  CHECK(fenced.map[1] == MemEntry{R(starts[0], starts[936] + kPageSize), kReserved});
}

}  // namespace holdfast
