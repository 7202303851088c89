// SPDX-License-Identifier: BSD-2-Clause
// What firmware is told of a plan, on random machines, judged page by page.
//
// The model shares no code with common/plan: it writes down every gap, sorts them, and closes the smallest.

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/plan/firmware-claims.h"
#include "tests/support/plan-fixtures.h"
#include "tests/support/random.h"

namespace holdfast {
namespace {

using test::Kept;
using test::TestKept;
using test::TestMap;
using test::TestSet;

constexpr std::uint64_t kBase = kGiB;
constexpr std::uint8_t kOther = 0;
constexpr std::uint8_t kKho = 1;

PhysRange RangeOf(std::size_t first, std::size_t end) { return R(kBase + first * kPageSize, kBase + end * kPageSize); }

// Calls visit(first, end, letter) for each longest run of one letter.
template <typename Visit>
void ForEachRun(const std::string& pages, Visit visit) {
  for (std::size_t i = 0; i < pages.size();) {
    const std::size_t end = std::min(pages.find_first_not_of(pages[i], i), pages.size());
    visit(i, end, pages[i]);
    i = end;
  }
}

// A letter for each page.
struct Machine {
  std::string types;   // u: usable, s: soft reserved, r: reserved
  std::string kept;    // n: KHO's, h: held, f: fenced by another handover
  std::string places;  // s: scratch, u: in use
  bool is_native = false;
};

Machine MakeMachine(std::uint64_t seed) {
  test::Random random(seed);
  const std::size_t size = random.Between(50, 4000);
  Machine m{std::string(size, 'u'), std::string(size, '.'), std::string(size, '.'), !random.OneIn(4)};
  const auto paint = [&](std::string& pages, char letter, std::uint64_t longest) {
    const std::size_t first = random.Below(size);
    std::fill_n(pages.begin() + static_cast<std::ptrdiff_t>(first),
                std::min<std::size_t>(size - first, random.Between(1, longest)), letter);
  };
  for (std::uint64_t left = random.Below(6); left != 0; --left) {
    paint(m.types, random.OneIn(2) ? 's' : 'r', 40);
  }
  for (std::uint64_t left = random.Below(10); left != 0; --left) {
    paint(m.places, random.OneIn(3) ? 's' : 'u', 40);
  }
  const std::uint64_t widest = random.Between(1, 6);
  for (std::size_t page = random.Below(20); page < size; page += random.Between(1, widest)) {
    for (std::uint64_t left = random.Between(1, 2); left != 0 && page < size; --left, ++page) {
      m.kept[page] = random.OneIn(40) ? 'f' : 'n';
    }
  }
  for (std::uint64_t left = random.Below(8); left != 0; --left) {
    paint(m.kept, 'h', 3);
  }
  for (std::size_t page = 0; page < size; ++page) {
    const bool may_be_kept = m.types[page] == 'u' || (m.types[page] == 's' && m.kept[page] != 'n');
    if (!may_be_kept || m.places[page] != '.') m.kept[page] = '.';
    if (m.types[page] != 'u') m.places[page] = '.';
  }
  // There has to be a place for the kernel.
  m.types += "uu";
  m.kept += "..";
  m.places += "..";
  return m;
}

// What has to be claimed of each page, before any gap is closed: r: as reserved memory, l: as loader data.
std::string ClaimedPages(const Machine& m) {
  std::string out(m.types.size(), '.');
  for (std::size_t page = 0; page < out.size(); ++page) {
    if (m.kept[page] == '.') continue;
    const bool stays_ram = m.kept[page] == 'h' || (m.kept[page] == 'n' && m.is_native);
    out[page] = stays_ram && m.types[page] == 'u' ? 'l' : 'r';
  }
  return out;
}

std::string WithGapsClosed(const Machine& m, std::string claimed) {
  std::vector<std::pair<std::size_t, std::size_t>> gaps;  // size, first page
  std::size_t num_claims = 0;
  char before = '.';
  std::size_t gap = 0;  // where it begins
  ForEachRun(claimed, [&](std::size_t first, std::size_t end, char letter) {
    if (letter == '.') return;
    num_claims += letter == 'l' ? 1 : 0;
    if (letter == 'l' && before == 'l') {
      const bool is_free = std::count(m.types.begin() + static_cast<std::ptrdiff_t>(gap),
                                      m.types.begin() + static_cast<std::ptrdiff_t>(first),
                                      'u') == static_cast<std::ptrdiff_t>(first - gap) &&
                           m.places.substr(gap, first - gap).find_first_not_of('.') == std::string::npos;
      if (is_free) gaps.emplace_back(first - gap, gap);
    }
    before = letter;
    gap = end;
  });
  std::sort(gaps.begin(), gaps.end());
  const std::size_t too_many = num_claims - std::min(num_claims, kMaxFencesInFirmware);
  gaps.resize(std::min(gaps.size(), too_many));
  for (const auto& [size, first] : gaps) claimed.replace(first, size, size, 'l');
  return claimed;
}

std::vector<FirmwareClaim> Expected(const Machine& m) {
  std::vector<FirmwareClaim> out;
  ForEachRun(WithGapsClosed(m, ClaimedPages(m)), [&](std::size_t first, std::size_t end, char letter) {
    if (letter != '.') out.push_back({RangeOf(first, end), letter == 'l'});
  });
  return out;
}

std::vector<FirmwareClaim> Actual(const Machine& m) {
  std::vector<MemEntry> entries;
  std::vector<Kept> kept_ranges;
  std::vector<PhysRange> areas;
  std::vector<InUse> in_use;
  ForEachRun(m.types, [&](std::size_t first, std::size_t end, char letter) {
    entries.push_back({RangeOf(first, end), letter == 'u'   ? MemType::kUsable
                                            : letter == 's' ? MemType::kSoftReserved
                                                            : MemType::kReserved});
  });
  ForEachRun(m.kept, [&](std::size_t first, std::size_t end, char letter) {
    if (letter == '.') return;
    kept_ranges.push_back({.range = RangeOf(first, end),
                           .fence = letter == 'h' ? Fence::kHeld : Fence::kReserved,
                           .source = letter == 'n' ? kKho : kOther});
  });
  ForEachRun(m.places, [&](std::size_t first, std::size_t end, char letter) {
    if (letter == 's') areas.push_back(RangeOf(first, end));
    if (letter == 'u') in_use.push_back({.name = "boot services data", .range = RangeOf(first, end)});
  });
  const TestMap memory(entries);
  TestKept kept(kept_ranges);
  TestSet scratch({});
  TestSet was_ram({RangeOf(0, m.types.size())});
  Handover handover(kept.map(), scratch.set(), was_ram.set());
  handover.native = NativeHandover{kKho, "kho-v4", false, areas};
  const BootInputs in{.memory = memory.map(),
                      .handover = handover,
                      .kernel = {.size = kPageSize, .alignment = kPageSize, .min_address = 0, .limit = kPhysLimit},
                      .entry = {.in_firmware = true, .has_efi_image = true, .has_efi_handover = true},
                      .speaks_native = m.is_native,
                      .in_use = in_use,
                      .entry_budget = 100000};
  std::vector<MemEntry> map_storage(10000);
  std::vector<PhysRange> avoid_storage(100);
  BootPlan plan(map_storage, avoid_storage);
  REQUIRE(MakeBootPlan(in, plan).ok());
  REQUIRE((plan.mode == Mode::kNative) == m.is_native);
  std::vector<FirmwareClaim> storage(5000);
  BoundedVector<FirmwareClaim> out(storage);
  REQUIRE(ListFirmwareClaims(in, plan, out).ok());
  return {out.begin(), out.end()};
}

}  // namespace

TEST_CASE("Firmware is told of every kept page, and of the smallest gaps where claims are too many",
          "[property][firmware-claims]") {
  const std::uint64_t num_cases = test::NumCases(2'000);
  const std::uint64_t seed = test::FirstSeed();
  std::uint64_t num_closed = 0;
  std::uint64_t num_soft = 0;
  for (std::uint64_t i = 0; i < num_cases; ++i) {
    INFO("HOLDFAST_PROPERTY_CASES=1 HOLDFAST_PROPERTY_SEED=" << seed + i << " runs this case alone");
    const Machine machine = MakeMachine(seed + i);
    REQUIRE((Actual(machine) == Expected(machine)));
    const std::string claimed = ClaimedPages(machine);
    num_closed += WithGapsClosed(machine, claimed) != claimed ? 1 : 0;
    bool has_soft = false;
    for (std::size_t page = 0; page < claimed.size(); ++page) {
      has_soft = has_soft || (machine.types[page] == 's' && claimed[page] == 'r');
    }
    num_soft += has_soft ? 1 : 0;
  }
  if (num_cases >= 1'000) {
    CHECK(num_closed >= num_cases / 20);
    CHECK(num_soft >= num_cases / 100);
  }
}

}  // namespace holdfast
