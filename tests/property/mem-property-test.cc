// SPDX-License-Identifier: BSD-2-Clause
// RangeSet, MemoryMap and PreservedMap on random input, judged by a model.

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "common/mem/memory-map.h"
#include "common/mem/preserved-map.h"
#include "common/mem/range-set.h"
#include "tests/support/page-bitmap.h"
#include "tests/support/property.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using test::PageBitmap;
using test::Random;

constexpr std::uint64_t kCases = 40'000;
constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kPages = 96;

// Empty now and then, and at either end of the model too.
PhysRange RandomRange(Random& random, std::size_t num_units, std::uint64_t unit_size, std::size_t max_length) {
  const std::uint64_t start = random.Below(num_units + 1);
  const std::uint64_t length = std::min<std::uint64_t>(random.Below(max_length + 1), num_units - start);
  return R(start * unit_size, (start + length) * unit_size);
}

std::vector<PhysRange> RangesOf(const PageBitmap& model) {
  std::vector<PhysRange> out;
  for (const PageBitmap::Run& run : model.Runs()) {
    out.push_back(R(run.start, run.end));
  }
  return out;
}

// The first stretch inside `range` whose units all have a label that accept() takes; as long as it goes on with
// one label.
template <typename Accept>
std::optional<PageBitmap::Run> FirstRun(PageBitmap model, PhysRange range, Accept accept) {
  std::optional<PageBitmap::Run> found;
  std::uint64_t at = range.start().raw();
  bool over = false;
  model.ForEach(range.start().raw(), range.end().raw(), [&](std::uint32_t label) {
    if (found && (over || label != found->label)) {
      over = true;
    } else if (found) {
      found->end += model.unit_size();
    } else if (accept(label)) {
      found = PageBitmap::Run{at, at + model.unit_size(), label};
    }
    at += model.unit_size();
  });
  return found;
}

std::optional<PhysRange> RangeOf(const std::optional<PageBitmap::Run>& run) {
  return run ? std::optional(R(run->start, run->end)) : std::nullopt;
}

TEST_CASE("RangeSet is the set of bytes that its operations say", "[property][mem]") {
  std::uint64_t num_refused = 0;
  test::ForEachCase(kCases, [&num_refused](Random& random) {
    std::array<PhysRange, 16> storage;
    const std::size_t capacity = random.Between(1, storage.size());
    RangeSet set(std::span<PhysRange>(storage).first(capacity));
    PageBitmap model(kPages);
    for (std::uint64_t step = random.Between(1, 24); step != 0; --step) {
      const PhysRange range = RandomRange(random, kPages, kPage, random.OneIn(4) ? kPages : 6);
      const bool adds = random.Below(5) < 3;
      PageBitmap next = model;
      next.Fill(range.start().raw(), range.end().raw(), adds ? 1 : 0);

      const Status status = adds ? set.Add(range) : set.Remove(range);
      if (next.Runs().size() > capacity) {
        ++num_refused;
        REQUIRE(ErrorOf(status) == Error{Errc::kTableFull, capacity});
      } else {
        REQUIRE(status.ok());
        model = next;
      }
      REQUIRE(List(set.view()) == RangesOf(model));
    }

    const PhysRange range = RandomRange(random, kPages, kPage, 12);
    const auto is_in = [](std::uint32_t label) { return label == 1; };
    const auto is_out = [](std::uint32_t label) { return label == 0; };
    REQUIRE(set.FirstOverlap(range) == RangeOf(FirstRun(model, range, is_in)));
    REQUIRE(set.FirstMissing(range) == RangeOf(FirstRun(model, range, is_out)));
    REQUIRE(set.Contains(range) == !FirstRun(model, range, is_out));
    REQUIRE(set.bytes() == model.BytesOf(1));
  });
  if (test::NumCases(kCases) >= 1000) {
    CHECK(num_refused > 100);  // The cases do reach the capacity.
  }
}

TEST_CASE("The highest type wins in a MemoryMap, in whatever order entries come", "[property][mem]") {
  constexpr std::array kTypes = {MemType::kUsable, MemType::kUsable,       MemType::kReserved,
                                 MemType::kAcpi,   MemType::kNvs,          MemType::kUnusable,
                                 MemType::kPram,   MemType::kReservedKern, MemType::kSoftReserved};
  test::ForEachCase(kCases, [&kTypes](Random& random) {
    std::array<MemEntry, 128> storage;
    std::array<MemEntry, 128> other_storage;
    MemoryMap map(storage);
    PageBitmap model(kPages);
    std::vector<MemEntry> added;
    for (std::uint64_t step = random.Between(0, 24); step != 0; --step) {
      const PhysRange range = RandomRange(random, kPages, kPage, random.OneIn(3) ? kPages : 8);
      const MemType type = kTypes[random.Below(kTypes.size())];
      added.push_back({range, type});
      model.ForEach(range.start().raw(), range.end().raw(),
                    [type](std::uint32_t& label) { label = std::max(label, static_cast<std::uint32_t>(type)); });
      REQUIRE(map.Overlay(range, type).ok());
    }

    std::vector<MemEntry> expected;
    for (const PageBitmap::Run& run : model.Runs()) {
      expected.push_back({R(run.start, run.end), MemType{run.label}});
    }
    REQUIRE(List(map.view()) == expected);

    for (std::size_t i = added.size(); i > 1; --i) {
      std::swap(added[i - 1], added[random.Below(i)]);
    }
    MemoryMap shuffled(other_storage);
    for (const MemEntry& entry : added) {
      REQUIRE(shuffled.Overlay(entry.range, entry.type).ok());
    }
    REQUIRE(List(shuffled.view()) == expected);

    const PhysRange range = RandomRange(random, kPages, kPage, 16);
    const auto gap = map.FirstNot(range, IsRam);
    const auto run = FirstRun(model, range, [](std::uint32_t label) { return !IsRam(MemType{label}); });
    REQUIRE((gap ? std::optional(gap->range) : std::nullopt) == RangeOf(run));
    if (gap) {
      REQUIRE(gap->type == (run->label == 0 ? std::nullopt : std::optional(MemType{run->label})));
    }
    REQUIRE(map.BytesOf(MemType::kUsable) == model.BytesOf(1));
  });
}

// What a set of ranges means, by units of an eighth of a page.
class KeptModel {
 public:
  static constexpr std::uint64_t kUnit = kPage / 8;
  static constexpr std::size_t kUnits = kPages * 8;

  explicit KeptModel(const std::vector<KeptRange>& added) : added_(added) {
    for (const KeptRange& a : added) {
      for (const KeptRange& b : added) {
        conflicts_ = conflicts_ || (&a != &b && MayNotMeet(a, b));
      }
    }
    // What is uncertain gives way to what is not.
    Fill(/*uncertain=*/true);
    Fill(/*uncertain=*/false);
  }

  bool conflicts() const { return conflicts_; }
  // Labels are fences, plus one.  Only without conflicts.
  const PageBitmap& pages() const { return pages_; }
  bool Has(const KeptRange& kept) const { return std::count(added_.begin(), added_.end(), kept) != 0; }

  static bool MayNotMeet(const KeptRange& a, const KeptRange& b) {
    return !IsUncertain(a) && !IsUncertain(b) &&
           ((a.source == b.source && SharesUnit(a, b, 1)) || (a.fence != b.fence && SharesUnit(a, b, kPage / kUnit)));
  }
  // The first byte of the first unit, or group of units, that both have a part of.
  static std::uint64_t FirstShared(const KeptRange& a, const KeptRange& b) {
    const auto unit = SharedUnit(a, b, 1);
    return unit ? *unit * kUnit : *SharedUnit(a, b, kPage / kUnit) * kPage;
  }

 private:
  static bool IsUncertain(const KeptRange& kept) { return kept.kind == KeptKind::kUncertain; }
  void Fill(bool uncertain) {
    for (const KeptRange& a : added_) {
      if (!a.range.empty() && IsUncertain(a) == uncertain) {
        pages_.Fill(a.range.start().raw() / kPage * kPage, (a.range.end().raw() + kPage - 1) / kPage * kPage,
                    static_cast<std::uint32_t>(a.fence) + 1);
      }
    }
  }
  static bool SharesUnit(const KeptRange& a, const KeptRange& b, std::uint64_t group) {
    return SharedUnit(a, b, group).has_value();
  }
  static std::optional<std::uint64_t> SharedUnit(const KeptRange& a, const KeptRange& b, std::uint64_t group) {
    std::array<unsigned, kUnits> seen{};
    unsigned bit = 1;
    for (const KeptRange& kept : {a, b}) {
      for (std::uint64_t unit = kept.range.start().raw() / kUnit; unit < kept.range.end().raw() / kUnit; ++unit) {
        seen[unit / group] |= bit;
      }
      bit = 2;
    }
    const auto it = std::find(seen.begin(), seen.end(), 3U);
    return it == seen.end() ? std::nullopt : std::optional(static_cast<std::uint64_t>(it - seen.begin()));
  }

  const std::vector<KeptRange>& added_;
  bool conflicts_ = false;
  PageBitmap pages_{kPages};
};

std::vector<KeptRange> RandomKept(Random& random) {
  const std::uint64_t num_sources = random.Between(1, 3);
  const std::uint64_t num_fences = random.OneIn(3) ? 4 : 1;
  const bool may_be_uncertain = random.OneIn(2);
  const std::size_t max_length = random.OneIn(3) ? 120 : 12;
  std::vector<KeptRange> added(random.Between(0, 9));
  for (std::size_t i = 0; i < added.size(); ++i) {
    added[i].range = RandomRange(random, KeptModel::kUnits, KeptModel::kUnit, max_length);
    added[i].node = static_cast<std::uint32_t>(i);
    added[i].source = static_cast<std::uint8_t>(random.OneIn(8) ? 255 : random.Below(num_sources));
    added[i].fence = static_cast<Fence>(random.Below(num_fences));
    if (may_be_uncertain && random.OneIn(3)) {
      added[i].kind = KeptKind::kUncertain;
      added[i].fence = Fence::kReserved;
    }
  }
  return added;
}

// Ranges of one fence that touch as one, whatever their names; sorted and disjoint ones at that.
std::vector<KeptRange> JoinedByFence(std::span<const KeptRange> sealed) {
  std::vector<KeptRange> joined;
  for (const KeptRange& kept : sealed) {
    REQUIRE((joined.empty() || joined.back().range.end() <= kept.range.start()));
    if (!joined.empty() && joined.back().range.end() == kept.range.start() && joined.back().fence == kept.fence) {
      joined.back().range = PhysRange::FromStartEnd(joined.back().range.start(), kept.range.end()).value();
    } else {
      joined.push_back(kept);
    }
  }
  return joined;
}

TEST_CASE("A sealed PreservedMap covers each kept page once, or names two ranges that must not meet",
          "[property][mem]") {
  std::uint64_t num_sealed = 0;
  std::uint64_t num_refused = 0;
  test::ForEachCase(kCases, [&](Random& random) {
    const std::vector<KeptRange> added = RandomKept(random);
    const KeptModel model(added);
    std::array<KeptRange, 24> storage;  // room for cuts
    PreservedMap kept(storage);
    for (const KeptRange& k : added) {
      REQUIRE(kept.Add(k).ok());
    }
    PreservedMap::Conflict conflict;
    const Status status = kept.Seal(&conflict);

    REQUIRE(status.ok() == !model.conflicts());
    if (!status.ok()) {
      ++num_refused;
      REQUIRE(model.Has(conflict.first));
      REQUIRE(model.Has(conflict.second));
      REQUIRE_FALSE(conflict.first == conflict.second);
      REQUIRE(KeptModel::MayNotMeet(conflict.first, conflict.second));
      REQUIRE(status.error() == Error{Errc::kKeptOverlap, KeptModel::FirstShared(conflict.first, conflict.second)});
      return;
    }
    ++num_sealed;
    const auto runs = model.pages().Runs();
    const auto joined = JoinedByFence(kept.view());
    REQUIRE(joined.size() == runs.size());
    for (std::size_t i = 0; i < runs.size(); ++i) {
      REQUIRE(joined[i].range == R(runs[i].start, runs[i].end));
      REQUIRE(static_cast<std::uint32_t>(joined[i].fence) + 1 == runs[i].label);
    }
    REQUIRE(kept.bytes() == kPages * kPage - model.pages().BytesOf(0));

    const PhysRange range = RandomRange(random, kPages, kPage, 8);
    const auto run = FirstRun(model.pages(), range, [](std::uint32_t label) { return label != 0; });
    const auto hit = kept.FirstOverlap(range);
    REQUIRE(hit.has_value() == run.has_value());
    if (hit) {
      REQUIRE(hit->range.Intersection(range).start() == PhysAddr(run->start));
      REQUIRE(R(run->start, run->end).Contains(hit->range.Intersection(range)));
    }
  });
  if (test::NumCases(kCases) >= 1000) {
    CHECK(num_sealed > test::NumCases(kCases) / 10);
    CHECK(num_refused > test::NumCases(kCases) / 10);
  }
}

}  // namespace
}  // namespace holdfast
