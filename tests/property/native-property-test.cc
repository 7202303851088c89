// SPDX-License-Identifier: BSD-2-Clause
// Native mode on random machines, judged by page bitmaps: which mode it is, what the map becomes, where things go.
//
// The model looks at every page and shares no code with common/plan.

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/plan/boot-plan.h"
#include "tests/support/plan-fixtures.h"
#include "tests/support/random.h"

namespace holdfast {
namespace {

using test::Kept;
using test::PlanCase;
using test::TestPlan;

using Bits = std::vector<bool>;

constexpr std::uint8_t kOther = 0;  // the source of what is fenced in any mode
constexpr std::uint8_t kKho = 1;

// Pages from `first` on, up to `end`.
struct Run {
  std::size_t first = 0;
  std::size_t end = 0;
};

// What is known of each page, and a case made of it.
class Machine {
 public:
  explicit Machine(std::uint64_t seed) : random_(seed) {
    num_pages_ = random_.Between(300, 1500);
    base_ = random_.OneIn(2) ? kGiB * random_.Between(1, 100) : 0;
    for (Bits* const bits : {&ram, &scratch, &kho, &other, &taken}) {
      bits->assign(num_pages_, false);
    }
    MakeMap();
    MakeScratch();
    MakeKept();
    MakeSegments();
    MakeRest();
  }

  PlanCase given;
  Bits ram;      // usable
  Bits scratch;  // KHO's
  Bits kho;      // kept by it
  Bits other;    // kept by somebody else
  Bits taken;    // something that was loaded stands there

  std::size_t num_pages() const { return num_pages_; }
  std::uint64_t AddressOf(std::size_t page) const { return base_ + page * kPageSize; }
  PhysRange RangeOf(Run run) const { return R(AddressOf(run.first), AddressOf(run.end)); }
  std::size_t PageOf(PhysAddr at) const { return static_cast<std::size_t>((at.raw() - base_) / kPageSize); }

 private:
  Run AnyRun(std::uint64_t longest) {
    const std::size_t first = random_.Below(num_pages_);
    return {first, std::min<std::size_t>(num_pages_, first + random_.Between(1, longest))};
  }
  // The first part of a run whose pages all are as wanted.
  template <typename Wanted>
  Run Cut(Run run, Wanted wanted) {
    Run out{run.first, run.first};
    while (out.end < run.end && wanted(out.end)) {
      ++out.end;
    }
    return out;
  }
  static void Mark(Bits& bits, Run run) {
    std::fill(bits.begin() + static_cast<std::ptrdiff_t>(run.first),
              bits.begin() + static_cast<std::ptrdiff_t>(run.end), true);
  }

  void MakeMap() {
    given.memory.clear();
    for (std::size_t at = 0; at < num_pages_;) {
      const std::size_t end = std::min<std::size_t>(num_pages_, at + random_.Between(1, num_pages_));
      const bool is_hole = random_.OneIn(5);
      const MemType type = random_.OneIn(5) ? MemType::kReserved : MemType::kUsable;
      if (!is_hole) {
        given.memory.push_back({RangeOf({at, end}), type});
        if (type == MemType::kUsable) Mark(ram, {at, end});
      }
      at = end;
    }
  }

  void MakeScratch() {
    for (std::uint64_t left = random_.Between(1, 4); left != 0; --left) {
      const Run area = Cut(AnyRun(num_pages_ / 2), [this](std::size_t page) { return ram[page]; });
      Mark(scratch, area);
    }
    given.native = test::Native{.source = kKho, .scratch = {}, .is_ambiguous = random_.OneIn(12)};
    for (std::size_t page = 0; page < num_pages_; ++page) {
      if (!scratch[page]) continue;
      const Run area = Cut({page, num_pages_}, [this](std::size_t p) { return scratch[p]; });
      given.native->scratch.push_back(RangeOf(area));
      page = area.end;
    }
  }

  void Keep(Bits& bits, Run run, Kept kept) {
    if (run.first == run.end) return;
    Mark(bits, run);
    kept.range = RangeOf(run);
    given.kept.push_back(kept);
  }

  void MakeKept() {
    const auto is_free = [this](std::size_t page) { return ram[page] && !kho[page] && !scratch[page]; };
    for (std::uint64_t left = random_.Below(12); left != 0; --left) {
      const KeptKind kind = random_.OneIn(4) ? KeptKind::kStructure : KeptKind::kMemory;
      Keep(kho, Cut(AnyRun(30), is_free), {.range = {}, .source = kKho, .kind = kind});
    }
    // The array of areas is the one structure in scratch.
    const Run array = AnyRun(1);
    if (scratch[array.first]) {
      Keep(kho, array, {.range = {}, .source = kKho, .kind = KeptKind::kStructure});
    }
    const bool is_careless = random_.OneIn(6);
    for (std::uint64_t left = random_.Below(6); left != 0; --left) {
      const bool is_held = !is_careless && random_.OneIn(3);
      const Run run = Cut(AnyRun(20), [&](std::size_t page) {
        return ram[page] && !other[page] && (is_careless || (!kho[page] && !scratch[page]));
      });
      Keep(other, run, {.range = {}, .fence = is_held ? Fence::kHeld : Fence::kReserved, .source = kOther});
    }
  }

  void MakeSegments() {
    const bool is_native_loader = random_.OneIn(2);
    for (std::uint64_t left = random_.Below(5); left != 0; --left) {
      SegmentRequest segment{.name = "segment", .is_temporary = random_.OneIn(2)};
      segment.size = random_.Between(1, 40) * kPageSize;
      segment.alignment = kPageSize << random_.Below(3);
      if (random_.OneIn(2)) {
        const Run run = Cut(AnyRun(10), [&](std::size_t page) {
          return ram[page] && !kho[page] && !other[page] && !taken[page] &&
                 (scratch[page] || !is_native_loader || segment.is_temporary);
        });
        if (run.first == run.end) continue;
        Mark(taken, run);
        segment.at = RangeOf(run);
        segment.size = segment.at->size();
      }
      given.segments.push_back(segment);
    }
  }

  ModeWish AnyWish() {
    const std::uint64_t pick = random_.Below(5);
    return pick == 0 ? ModeWish::kFence : pick == 1 ? ModeWish::kNative : ModeWish::kAuto;
  }

  void MakeRest() {
    given.mode = AnyWish();
    given.policy.mode = AnyWish();
    if (!random_.OneIn(8)) given.speaks_native = !random_.OneIn(6);
    given.entry.wanted = random_.OneIn(10) ? KernelEntry::kBzImage : KernelEntry::kAuto;
    // A limit of 0 is only known without a kernel.
    given.kernel = {.size = random_.Between(1, 60) * kPageSize,
                    .alignment = kPageSize << random_.Below(5),
                    .min_address = random_.OneIn(3) ? AddressOf(random_.Below(num_pages_)) : 0,
                    .limit = random_.OneIn(4) ? AddressOf(random_.Between(1, num_pages_)) : kPhysLimit};
    if (random_.OneIn(8)) {
      given.kernel.size = 0;
      given.speaks_native.reset();
    }
    given.seed = random_.Bits();
  }

  test::Random random_;
  std::size_t num_pages_ = 0;
  std::uint64_t base_ = 0;
};

// What has to come out.
struct Expected {
  std::optional<Errc> refusal;
  Mode mode = Mode::kFence;
  std::vector<std::size_t> places;  // of each segment: its first page
  std::vector<std::size_t> slots;   // first pages
};

class Model {
 public:
  explicit Model(const Machine& machine) : m_(machine), c_(machine.given) {}

  Expected Judge() {
    if (IsUndecided()) {
      Place(Mode::kFence);
      return out_;
    }
    const std::optional<Errc> obstacle = WhyNotNative();
    if (Wish() == ModeWish::kNative && obstacle) {
      out_.refusal = obstacle;
      return out_;
    }
    if (Wish() != ModeWish::kFence && !obstacle) {
      Place(Mode::kNative);
      if (!out_.refusal || Wish() == ModeWish::kNative) return out_;
    }
    Place(Mode::kFence);
    return out_;
  }

  bool IsContested() const {
    for (std::size_t page = 0; page < m_.num_pages(); ++page) {
      if (m_.other[page] && (m_.kho[page] || m_.scratch[page])) return true;
    }
    return false;
  }

 private:
  ModeWish Wish() const { return c_.mode != ModeWish::kAuto ? c_.mode : c_.policy.mode; }
  bool IsPossible() const {
    return c_.entry.wanted != KernelEntry::kBzImage && !IsContested() &&
           (!c_.native->is_ambiguous || Wish() == ModeWish::kNative);
  }
  bool IsUndecided() const {
    return c_.kernel.size == 0 && !c_.speaks_native && Wish() != ModeWish::kFence && IsPossible();
  }
  std::optional<Errc> WhyNotNative() const {
    if (!IsPossible() || c_.speaks_native != true) return Errc::kUnsupported;
    for (const SegmentRequest& segment : c_.segments) {
      if (!segment.at || segment.is_temporary) continue;
      for (std::size_t page = m_.PageOf(segment.at->start()); page < m_.PageOf(segment.at->end()); ++page) {
        if (!m_.scratch[page]) return Errc::kOutsideScratch;
      }
    }
    return std::nullopt;
  }

  // Free pages where `wanted`, and up to `limit`.
  template <typename Wanted>
  Bits FreePages(Wanted wanted) const {
    Bits free(m_.num_pages());
    for (std::size_t page = 0; page < m_.num_pages(); ++page) {
      free[page] = m_.ram[page] && !m_.kho[page] && !m_.other[page] && !m_.taken[page] && !placed_[page] &&
                   m_.AddressOf(page) >= kMiB && m_.AddressOf(page + 1) <= Limit() && wanted(page);
    }
    return free;
  }
  std::uint64_t Limit() const { return c_.kernel.limit == 0 ? kPhysLimit : c_.kernel.limit; }

  std::vector<std::size_t> PlacesIn(const Bits& free, std::uint64_t size, std::uint64_t alignment) const {
    std::vector<std::size_t> out;
    const std::size_t count = static_cast<std::size_t>(size / kPageSize);
    std::size_t run = 0;
    for (std::size_t page = 0; page < free.size(); ++page) {
      run = free[page] ? run + 1 : 0;
      if (run >= count && m_.AddressOf(page + 1 - count) % alignment == 0) out.push_back(page + 1 - count);
    }
    return out;
  }

  std::optional<std::size_t> Highest(const SegmentRequest& segment, std::optional<bool> in_scratch) const {
    const Bits free = FreePages([&](std::size_t page) { return !in_scratch || m_.scratch[page] == *in_scratch; });
    const auto places = PlacesIn(free, segment.size, segment.alignment);
    return places.empty() ? std::nullopt : std::optional(places.back());
  }

  std::optional<std::size_t> PlaceOf(const SegmentRequest& segment, Mode mode) const {
    if (mode == Mode::kFence && !IsUndecided()) return Highest(segment, std::nullopt);
    const bool first_choice = !segment.is_temporary;  // in scratch
    const auto place = Highest(segment, first_choice);
    const bool is_bound = !segment.is_temporary && (mode == Mode::kNative || Wish() == ModeWish::kNative);
    return place || is_bound ? place : Highest(segment, !first_choice);
  }

  void Place(Mode mode) {
    out_ = {};
    out_.mode = mode;
    placed_.assign(m_.num_pages(), false);
    for (const SegmentRequest& segment : c_.segments) {
      const auto place = segment.at ? std::optional(m_.PageOf(segment.at->start())) : PlaceOf(segment, mode);
      if (!place) {
        out_.refusal = Errc::kNoSlot;
        return;
      }
      for (std::size_t page = *place; page < *place + segment.size / kPageSize; ++page) placed_[page] = true;
      out_.places.push_back(*place);
    }
    if (c_.kernel.size == 0) return;
    const Bits free = FreePages([&](std::size_t page) {
      return m_.AddressOf(page) >= c_.kernel.min_address && (mode == Mode::kFence || m_.scratch[page]);
    });
    out_.slots = PlacesIn(free, c_.kernel.size, c_.kernel.alignment);
    if (out_.slots.empty()) out_.refusal = Errc::kNoSlot;
  }

  const Machine& m_;
  const PlanCase& c_;
  Expected out_;
  Bits placed_;
};

// What differs; empty if nothing does.
std::string CompareMap(const Machine& machine, const TestPlan& plan) {
  const PlanCase& c = machine.given;
  const auto type_at = [](std::span<const MemEntry> map, PhysAddr at) -> std::uint32_t {
    for (const MemEntry& entry : map) {
      if (entry.range.Contains(at)) return static_cast<std::uint32_t>(entry.type);
    }
    return 0;
  };
  for (std::size_t page = 0; page < machine.num_pages(); ++page) {
    const PhysAddr at(machine.AddressOf(page));
    std::uint32_t expected = type_at(c.memory, at);
    if (machine.kho[page] && plan->mode == Mode::kFence) expected = 2;
    for (const Kept& kept : c.kept) {
      if (kept.source == kOther && kept.fence == Fence::kReserved && kept.range.Contains(at)) expected = 2;
    }
    if (type_at(plan->memory.view(), at) != expected) return "map at page " + std::to_string(page);
  }
  return {};
}

std::string Compare(const Machine& machine, const Expected& expected, const TestPlan& plan) {
  if (expected.refusal) {
    if (plan.ok()) return "planned";
    return plan.error()->code == *expected.refusal ? "" : "refused as " + std::string(ErrcName(plan.error()->code));
  }
  if (!plan.ok()) return "refused as " + std::string(ErrcName(plan.error()->code));
  if (plan->mode != expected.mode) return "mode";
  const bool may_speak =
      machine.given.speaks_native.value_or(true) || machine.given.entry.wanted == KernelEntry::kBzImage;
  if (plan->hides_native != (plan->mode == Mode::kFence && may_speak)) return "hides_native";
  if (plan->segments.size() != expected.places.size()) return "number of segments";
  for (std::size_t i = 0; i < expected.places.size(); ++i) {
    if (machine.PageOf(plan->segments[i].range.start()) != expected.places[i]) return "segment " + std::to_string(i);
  }
  if (plan->slot.count != expected.slots.size()) return "number of slots";
  if (!expected.slots.empty() &&
      machine.PageOf(plan->slot.range.start()) != expected.slots.at(static_cast<std::size_t>(plan->slot.index))) {
    return "slot";
  }
  return CompareMap(machine, plan);
}

}  // namespace

TEST_CASE("Native mode is taken exactly where it is possible, and puts things where the page bitmap says",
          "[property][native]") {
  const std::uint64_t num_cases = test::NumCases(20'000);
  const std::uint64_t seed = test::FirstSeed();
  std::map<std::string, std::uint64_t> counters;
  for (std::uint64_t i = 0; i < num_cases; ++i) {
    const Machine machine(seed + i);
    Model model(machine);
    const Expected expected = model.Judge();
    const TestPlan plan(machine.given);
    if (const std::string wrong = Compare(machine, expected, plan); !wrong.empty()) {
      FAIL("case of seed " << seed + i << ": " << wrong << " (expected "
                           << (expected.refusal ? ErrcName(*expected.refusal) : ModeName(expected.mode))
                           << "); repeat with HOLDFAST_PROPERTY_CASES=1 HOLDFAST_PROPERTY_SEED=" << seed + i);
    }
    ++counters[std::string(expected.refusal ? ErrcName(*expected.refusal) : ModeName(expected.mode))];
    counters["why_fence"] += plan->why_fence.has_value();
    counters["gave up native"] += plan.ok() && plan->why_fence && plan->why_fence->code == Errc::kNoSlot;
    counters["contested"] += model.IsContested();
    counters["hidden"] += plan.ok() && plan->hides_native;
  }
  for (const char* const name : {"native", "fence", "unsupported", "outside-scratch", "no-slot", "why_fence",
                                 "gave up native", "contested", "hidden"}) {
    INFO(name);
    if (num_cases >= 10'000) CHECK(counters[name] >= num_cases / 200);
  }
}

}  // namespace holdfast
