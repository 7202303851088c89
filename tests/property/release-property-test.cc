// SPDX-License-Identifier: BSD-2-Clause
// What is released of a random map, judged by units that know nothing of ranges.

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <vector>

#include "common/plan/release.h"
#include "tests/support/page-bitmap.h"
#include "tests/support/property.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using test::PageBitmap;
using test::Random;

constexpr std::uint64_t kCases = 40'000;
constexpr std::uint64_t kUnit = kPageSize / 4;
constexpr std::size_t kPages = 64;
constexpr std::size_t kUnits = 4 * kPages;

constexpr std::array kTypes = {MemType::kUsable,   MemType::kReserved,     MemType::kReserved,
                               MemType::kPmem,     MemType::kPram,         MemType::kAcpi,
                               MemType::kUnusable, MemType::kReservedKern, MemType::kSoftReserved};

bool MayBeOurs(std::uint32_t type) { return type == 2 || type == 7 || type == 12; }

PhysRange RandomRange(Random& random) {
  const bool is_whole = !random.OneIn(4);
  const std::uint64_t grain = is_whole ? 4 : 1;
  const std::uint64_t first = random.Below(kUnits / grain) * grain;
  const std::uint64_t last = std::min<std::uint64_t>(kUnits, first + random.Between(1, is_whole ? 16 : 60) * grain);
  return R(first * kUnit, last * kUnit);
}

struct Machine {
  std::vector<MemEntry> storage = std::vector<MemEntry>(200);
  std::vector<PhysRange> range_storage = std::vector<PhysRange>(200);
  std::vector<KeptRange> kept_storage = std::vector<KeptRange>(32);
  MemoryMap map{storage};
  RangeSet none{std::span<PhysRange>()};
  RangeSet ram{std::span(range_storage).first(100)};
  RangeSet released{std::span(range_storage).subspan(100)};
  PreservedMap kept{kept_storage};
  Handover handover{kept, none, ram, &released};
  // The same by units: types, and whether.
  PageBitmap types{kUnits, kUnit};
  PageBitmap is_ram{kUnits, kUnit};
  PageBitmap is_released{kUnits, kUnit};
  PageBitmap is_kept{kUnits, kUnit};

  explicit Machine(Random& random) {
    const auto mark = [](PageBitmap& bits, PhysRange range) { bits.Fill(range.start().raw(), range.end().raw(), 1); };
    for (std::uint64_t left = random.Between(1, 16); left != 0; --left) {
      const PhysRange range = RandomRange(random);
      const auto type = static_cast<std::uint32_t>(kTypes[random.Below(kTypes.size())]);
      REQUIRE(map.Overlay(range, MemType{type}).ok());
      types.ForEach(range.start().raw(), range.end().raw(),
                    [type](std::uint32_t& label) { label = std::max(label, type); });
    }
    for (std::uint64_t left = random.Between(0, 4); left != 0; --left) {
      const PhysRange range = random.OneIn(3) ? R(0, kUnits * kUnit) : RandomRange(random);
      REQUIRE(ram.Add(range).ok());
      mark(is_ram, range);
    }
    for (std::uint64_t left = random.Between(0, 8); left != 0; --left) {
      const PhysRange range = RandomRange(random);
      REQUIRE(released.Add(range).ok());
      mark(is_released, range);
    }
    for (std::uint64_t left = random.Between(0, 6); left != 0; --left) {
      const PhysRange range = RandomRange(random);
      REQUIRE(kept.Add({.range = range, .source = static_cast<std::uint8_t>(left)}).ok());
      mark(is_kept, range.RoundedOut(kPageSize));
    }
    REQUIRE(kept.Seal().ok());
  }

  // A page is RAM again where all of it is released, was RAM, is of one type of ours, and no part of it is kept.
  bool IsFreed(std::size_t page) const {
    for (std::size_t unit = 4 * page; unit < 4 * page + 4; ++unit) {
      if (is_released[unit] == 0 || is_ram[unit] == 0 || is_kept[unit] != 0 || !MayBeOurs(types[unit]) ||
          types[unit] != types[4 * page]) {
        return false;
      }
    }
    return true;
  }
};

TEST_CASE("What is released, was RAM, is behind a fence and is not kept becomes RAM, and nothing else changes",
          "[property][release]") {
  std::uint64_t num_freed = 0;
  std::uint64_t num_kept = 0;       // pages that would have been freed
  std::uint64_t num_never_ram = 0;  // the same
  std::uint64_t num_others = 0;     // the same, but for the type
  test::ForEachCase(kCases, [&](Random& random) {
    const Machine m(random);
    PageBitmap expected = m.types;
    for (std::size_t page = 0; page < kPages; ++page) {
      const std::size_t unit = 4 * page;
      if (m.IsFreed(page)) {
        ++num_freed;
        expected.Fill(unit * kUnit, (unit + 4) * kUnit, 1);
      } else if (m.is_released[unit] != 0) {
        num_kept += m.is_ram[unit] != 0 && MayBeOurs(m.types[unit]) && m.is_kept[unit] != 0 ? 1 : 0;
        num_never_ram += m.is_ram[unit] == 0 && MayBeOurs(m.types[unit]) && m.is_kept[unit] == 0 ? 1 : 0;
        num_others += m.is_ram[unit] != 0 && !MayBeOurs(m.types[unit]) && m.is_kept[unit] == 0 ? 1 : 0;
      }
    }
    std::vector<MemEntry> storage(400);
    MemoryMap out(storage);
    REQUIRE(ReleaseMemory(m.map, m.handover, out).ok());
    std::vector<MemEntry> entries;
    for (const PageBitmap::Run& run : expected.Runs()) {
      entries.push_back({R(run.start, run.end), MemType{run.label}});
    }
    REQUIRE(List(out.view()) == entries);
  });
  if (test::NumCases(kCases) >= 1000) {
    const std::uint64_t enough = test::NumCases(kCases) / 2;
    CHECK(num_freed > enough);
    CHECK(num_kept > enough);
    CHECK(num_never_ram > enough);
    CHECK(num_others > enough);
  }
}

}  // namespace
}  // namespace holdfast
