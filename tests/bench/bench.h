// SPDX-License-Identifier: BSD-2-Clause
// What is measured, as values; bench-main.cc prints them.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::bench {

// Digest speed, ours and that of kexec-tools' own purgatory, on the same bytes in the same run.
struct DigestSpeed {
  std::string name;
  double megabytes_per_second;  // of 10^6 bytes, the median
  double ratio;                 // to the rival: the median of what each pair of neighbours in time gave
};
std::vector<DigestSpeed> MeasureDigests(unsigned repetitions);

// How long the decision takes for `count` kept ranges.
struct PlanningTime {
  std::uint64_t count;
  double seal_sorted_seconds;    // the ranges come in ascending order
  double seal_shuffled_seconds;  // in random order
  double plan_seconds;           // MakeBootPlan
  std::uint64_t map_entries;     // of the planned map
};
PlanningTime MeasurePlanning(std::uint64_t count, unsigned repetitions);

// What a description of 8 GiB in some 11,500 folios costs (tests/support/folio-workload.h).
enum class Placement { kBuddy, kScattered };
struct Description {
  std::string name;
  std::uint64_t bytes;        // of the map alone, without trees, object lists and the like
  double decode_seconds;      // to the sealed map, the median
  std::uint64_t kept_ranges;  // in it, the description's own pages included
};
// Each in one run, the smallest published one first, ours last.
std::vector<Description> MeasureDescriptions(Placement placement, std::uint64_t seed, unsigned repetitions);

// How long it takes to read `count` single pages from KHO's radix tree into the sealed map.
struct WalkTime {
  std::uint64_t count;
  double contiguous_seconds;
  double scattered_seconds;
};
WalkTime MeasureWalk(std::uint64_t count, unsigned repetitions);

// The store; each figure is that of the fastest of some runs.
inline constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;
struct StoreSpeed {
  std::string name;
  double keep_gb_per_s;  // of 10^9 bytes
  double keep_ratio;     // to memcpy of as many bytes, by one thread
  double restore_gb_per_s;
  double restore_ratio;
};
struct ZeroCopyTime {
  std::uint64_t pages;  // huge ones
  double keep_seconds;
  double keep_processor_seconds;
  double restore_seconds;
};
struct StoreResults {
  std::string skipped;  // why there is nothing else, and what to do
  double memcpy_gb_per_s = 0;
  std::vector<StoreSpeed> speeds;
  std::vector<ZeroCopyTime> zero_copy;  // by size: each twice the one before
};
// `folder`: on hugetlbfs, with free pages of 2 MiB.
StoreResults MeasureStore(const std::string& folder);

inline double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Of a list that is not empty.
double Median(std::vector<double> values);

}  // namespace holdfast::bench
