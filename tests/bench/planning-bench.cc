// SPDX-License-Identifier: BSD-2-Clause
// The time that the decision takes, by the number of kept ranges.

#include <cstdlib>
#include <iostream>
#include <random>
#include <utility>

#include "common/plan/boot-plan.h"
#include "tests/bench/bench.h"

namespace holdfast::bench {
namespace {

PhysRange Range(std::uint64_t start, std::uint64_t size) {
  return PhysRange::FromStartSize(PhysAddr(start), size).value();
}

void Need(const Status& status, const char* what) {
  if (!status.ok()) {
    std::cerr << "bench: " << what << ": " << ErrcName(status.error().code) << "\n";
    std::exit(1);
  }
}

// Scattered pages above 4 GiB, with gaps of 1 to 15 pages between them.
std::vector<KeptRange> ScatteredPages(std::uint64_t count) {
  std::mt19937_64 random(1);
  std::vector<KeptRange> out;
  std::uint64_t at = 4 * kGiB;
  for (std::uint64_t i = 0; i < count; ++i) {
    at += (1 + random() % 15) * kPageSize;
    out.push_back({.range = Range(at, kPageSize)});
    at += kPageSize;
  }
  return out;
}

std::vector<KeptRange> Shuffled(std::vector<KeptRange> ranges) {
  std::mt19937_64 random(2);
  for (std::size_t i = ranges.size(); i > 1; --i) {
    std::swap(ranges[i - 1], ranges[random() % i]);
  }
  return ranges;
}

double SecondsToSeal(const std::vector<KeptRange>& ranges, PreservedMap& kept) {
  kept.Clear();
  for (const KeptRange& range : ranges) {
    Need(kept.Add(range), "Add");
  }
  const auto start = std::chrono::steady_clock::now();
  Need(kept.Seal(), "Seal");
  return SecondsSince(start);
}

}  // namespace

PlanningTime MeasurePlanning(std::uint64_t count, unsigned repetitions) {
  const std::vector<KeptRange> sorted = ScatteredPages(count);
  const std::vector<KeptRange> shuffled = Shuffled(sorted);

  std::vector<MemEntry> map_storage(8);
  MemoryMap memory(map_storage);
  Need(memory.AppendAscending(Range(0, 0x9f000), MemType::kUsable), "map");
  Need(memory.AppendAscending(Range(0x9f000, 0x61000), MemType::kReserved), "map");
  Need(memory.AppendAscending(Range(kMiB, 3 * kGiB - kMiB), MemType::kUsable), "map");
  const PhysAddr ram_end(sorted.back().range.end().raw() + kGiB);
  Need(memory.AppendAscending(PhysRange::All().From(PhysAddr(4 * kGiB)).UpTo(ram_end), MemType::kUsable), "map");

  std::vector<KeptRange> kept_storage(count);
  PreservedMap kept(kept_storage);
  RangeSet none{std::span<PhysRange>()};
  const Handover handover(kept, none, none);
  std::vector<MemEntry> planned_storage(4096);
  std::vector<PhysRange> avoid_storage(4096);
  BootPlan plan(planned_storage, avoid_storage);
  const SegmentRequest initrd{.name = "initrd", .size = 64 * kMiB};
  const BootInputs inputs{
      .memory = memory,
      .handover = handover,
      .kernel = {.size = 64 * kMiB, .alignment = 2 * kMiB, .min_address = 16 * kMiB, .limit = kPhysLimit},
      .kernel_at = {},
      .segments = std::span(&initrd, 1),
      .in_use = {},
      .seed = 0x123456789abcdef};

  std::vector<double> seal_sorted;
  std::vector<double> seal_shuffled;
  std::vector<double> planning;
  for (unsigned i = 0; i < repetitions; ++i) {
    seal_sorted.push_back(SecondsToSeal(sorted, kept));
    seal_shuffled.push_back(SecondsToSeal(shuffled, kept));
    const auto start = std::chrono::steady_clock::now();
    Need(MakeBootPlan(inputs, plan), "MakeBootPlan");
    planning.push_back(SecondsSince(start));
  }
  return {count, Median(seal_sorted), Median(seal_shuffled), Median(planning), plan.memory.size()};
}

}  // namespace holdfast::bench
