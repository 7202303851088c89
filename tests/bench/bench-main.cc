// SPDX-License-Identifier: BSD-2-Clause
// Measures the digest, the decision, descriptions of kept memory, the store, and the size of the files that are given.
//
//   bench [--json] [--store-only] [FILE...]
//
// The store is measured in the folder HOLDFAST_BENCH_HUGEPAGES on hugetlbfs, by default /dev/hugepages.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "tests/bench/bench.h"
#include "tests/support/line.h"

namespace holdfast::bench {
namespace {

constexpr unsigned kDigestRepetitions = 9;
constexpr std::array<std::uint64_t, 4> kCounts = {10, 1000, 100'000, 1'000'000};
constexpr std::array<std::uint64_t, 3> kSeeds = {1, 2, 3};
// The third is what a kernel's walk was published for: 0x80832 preservations in 21.8 ms.
constexpr std::array<std::uint64_t, 4> kWalks = {10'000, 100'000, 0x80832, 1'000'000};
constexpr unsigned kDescriptionRepetitions = 15;

struct Workload {
  Placement placement;
  std::uint64_t seed;
  std::vector<Description> descriptions;
};

struct Results {
  std::vector<DigestSpeed> digests;
  std::vector<PlanningTime> planning;
  std::vector<Workload> workloads;
  std::vector<WalkTime> walks;
  StoreResults store;
  struct Size {
    std::string file;
    std::uintmax_t bytes;
  };
  std::vector<Size> sizes;
};

double PerRange(const PlanningTime& time) {
  return (time.seal_shuffled_seconds + time.plan_seconds) / static_cast<double>(time.count) * 1e9;
}

const char* PlacementName(Placement placement) { return placement == Placement::kBuddy ? "buddy" : "scattered"; }

// Bytes as they were computed from the layouts for seed 1; 0: not computed.  Ours differ where bitmaps of 512 bytes are
// counted as the whole pages that they lie in, where PKRAM's super block is counted with the list, and where its page
// table was computed as an upper bound.
struct Computed {
  const char* name;
  std::uint64_t buddy;
  std::uint64_t scattered;
};
constexpr std::array kComputed = {Computed{"kho-v1-512", 438'784, 1'820'000},
                                  Computed{"kho-v1-4096", 585'728, 3'960'000}, Computed{"kho-v4", 692'224, 4'070'000},
                                  Computed{"pkram-pgt", 16'800'000, 46'800'000},
                                  Computed{"pkram-regions", 4'096, 180'000}};

std::uint64_t ComputedBytes(const Workload& workload, const std::string& name) {
  for (const Computed& computed : kComputed) {
    if (workload.seed == 1 && name == computed.name) {
      return workload.placement == Placement::kBuddy ? computed.buddy : computed.scattered;
    }
  }
  return 0;
}

void PrintDescriptions(const std::vector<Workload>& workloads) {
  std::printf("\n8 GiB in folios of orders 0 to 10\n");
  std::printf(
      "placement  seed   description        bytes    computed    to ours      decode    to ours   kept ranges\n");
  for (const Workload& workload : workloads) {
    const Description& ours = workload.descriptions.back();
    for (const Description& each : workload.descriptions) {
      std::printf("%-9s %5llu   %-13s %10llu  %10llu  %8.2fx  %7.3f ms  %8.2fx   %11llu\n",
                  PlacementName(workload.placement), static_cast<unsigned long long>(workload.seed), each.name.c_str(),
                  static_cast<unsigned long long>(each.bytes),
                  static_cast<unsigned long long>(ComputedBytes(workload, each.name)),
                  static_cast<double>(each.bytes) / static_cast<double>(ours.bytes), each.decode_seconds * 1e3,
                  each.decode_seconds / ours.decode_seconds, static_cast<unsigned long long>(each.kept_ranges));
    }
  }
}

void PrintWalks(const std::vector<WalkTime>& walks) {
  std::printf("\nsingle pages in kho-v4   contiguous     scattered   ns a page\n");
  for (const WalkTime& walk : walks) {
    std::printf("%22llu  %8.3f ms   %8.3f ms   %9.2f%s\n", static_cast<unsigned long long>(walk.count),
                walk.contiguous_seconds * 1e3, walk.scattered_seconds * 1e3,
                walk.scattered_seconds / static_cast<double>(walk.count) * 1e9,
                walk.count == 0x80832 ? "   published for a kernel: 21.8 ms" : "");
  }
}

// What PKRAM's authors published for 100 GB on 16 processors, with huge pages; with small ones it was 311 and 518 ms.
constexpr double kPkramSaveSeconds = 13e-3;
constexpr double kPkramLoadSeconds = 101e-3;
constexpr double kPkramBytes = 100e9;

// The line through what was measured, and how far it leads.
void PrintFit(const char* what, const std::vector<Point>& points, double published) {
  const Line line = FitLine(points);
  const double pages = kPkramBytes / static_cast<double>(kHugePage);
  std::printf("%-16s %.3f ms + %.3f us a huge page; at 100 GB, %.0f pages: %.1f ms (PKRAM published %.0f ms)\n", what,
              line.fixed * 1e3, line.slope * 1e6, pages, line.At(pages) * 1e3, published * 1e3);
}

void PrintStore(const StoreResults& store) {
  if (!store.skipped.empty()) {
    std::printf("\nstore: not measured: %s\n", store.skipped.c_str());
    return;
  }
  std::printf("\nstore, 512 MiB               keep   to memcpy     restore   to memcpy   (memcpy: %.2f GB/s)\n",
              store.memcpy_gb_per_s);
  for (const StoreSpeed& speed : store.speeds) {
    std::printf("%-22s %8.2f GB/s  %7.2fx  %8.2f GB/s  %7.2fx\n", speed.name.c_str(), speed.keep_gb_per_s,
                speed.keep_ratio, speed.restore_gb_per_s, speed.restore_ratio);
  }
  std::printf("\nin place   huge pages         keep   processor's    map again\n");
  std::vector<Point> keep;
  std::vector<Point> work;
  std::vector<Point> restore;
  for (const ZeroCopyTime& time : store.zero_copy) {
    const auto pages = static_cast<double>(time.pages);
    keep.push_back({pages, time.keep_seconds});
    work.push_back({pages, time.keep_processor_seconds});
    restore.push_back({pages, time.restore_seconds});
    std::printf("%5llu MiB   %10llu  %8.3f ms   %8.3f ms  %8.3f ms\n",
                static_cast<unsigned long long>(time.pages * (kHugePage >> 20)),
                static_cast<unsigned long long>(time.pages), time.keep_seconds * 1e3, time.keep_processor_seconds * 1e3,
                time.restore_seconds * 1e3);
  }
  std::printf(
      "the line of least squares through these, mapped in the kernel that kept it; for the next one: map-bench\n");
  PrintFit("keep", keep, kPkramSaveSeconds);
  PrintFit("of it, processor", work, kPkramSaveSeconds);
  PrintFit("map", restore, kPkramLoadSeconds);
}

void PrintText(const Results& results) {
  std::printf("SHA-256               MB/s   to kexec-tools\n");
  for (const DigestSpeed& speed : results.digests) {
    std::printf("%-18s %7.0f   %13.2fx\n", speed.name.c_str(), speed.megabytes_per_second, speed.ratio);
  }
  std::printf("\nkept ranges   seal sorted   seal shuffled          plan   ns per range   map entries\n");
  for (const PlanningTime& time : results.planning) {
    std::printf("%11llu  %9.3f ms    %9.3f ms  %9.3f ms   %12.1f   %11llu\n",
                static_cast<unsigned long long>(time.count), time.seal_sorted_seconds * 1e3,
                time.seal_shuffled_seconds * 1e3, time.plan_seconds * 1e3, PerRange(time),
                static_cast<unsigned long long>(time.map_entries));
  }
  PrintDescriptions(results.workloads);
  PrintWalks(results.walks);
  PrintStore(results.store);
  if (!results.sizes.empty()) {
    std::printf("\n     bytes   file\n");
  }
  for (const Results::Size& size : results.sizes) {
    std::printf("%10ju   %s\n", size.bytes, size.file.c_str());
  }
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c >= 0 && c < ' ' ? '?' : c;
  }
  return out + "\"";
}

void PrintJson(const Results& results) {
  const char* comma = "";
  std::printf("{\"schema\":1,\"digest\":[");
  for (const DigestSpeed& speed : results.digests) {
    std::printf("%s{\"name\":%s,\"mb_per_s\":%.1f,\"ratio\":%.3f}", comma, Quoted(speed.name).c_str(),
                speed.megabytes_per_second, speed.ratio);
    comma = ",";
  }
  comma = "";
  std::printf("],\"planning\":[");
  for (const PlanningTime& time : results.planning) {
    std::printf(
        "%s{\"kept\":%llu,\"seal_sorted_s\":%.9f,\"seal_shuffled_s\":%.9f,\"plan_s\":%.9f,\"map_entries\":%llu}", comma,
        static_cast<unsigned long long>(time.count), time.seal_sorted_seconds, time.seal_shuffled_seconds,
        time.plan_seconds, static_cast<unsigned long long>(time.map_entries));
    comma = ",";
  }
  comma = "";
  std::printf("],\"descriptions\":[");
  for (const Workload& workload : results.workloads) {
    for (const Description& each : workload.descriptions) {
      std::printf("%s{\"placement\":\"%s\",\"seed\":%llu,\"name\":%s,\"bytes\":%llu,\"decode_s\":%.9f,\"kept\":%llu}",
                  comma, PlacementName(workload.placement), static_cast<unsigned long long>(workload.seed),
                  Quoted(each.name).c_str(), static_cast<unsigned long long>(each.bytes), each.decode_seconds,
                  static_cast<unsigned long long>(each.kept_ranges));
      comma = ",";
    }
  }
  comma = "";
  std::printf("],\"walks\":[");
  for (const WalkTime& walk : results.walks) {
    std::printf("%s{\"pages\":%llu,\"contiguous_s\":%.9f,\"scattered_s\":%.9f}", comma,
                static_cast<unsigned long long>(walk.count), walk.contiguous_seconds, walk.scattered_seconds);
    comma = ",";
  }
  comma = "";
  std::printf("],\"store\":[");
  for (const StoreSpeed& speed : results.store.speeds) {
    std::printf(
        "%s{\"name\":%s,\"keep_gb_per_s\":%.3f,\"keep_ratio\":%.3f,\"restore_gb_per_s\":%.3f,"
        "\"restore_ratio\":%.3f}",
        comma, Quoted(speed.name).c_str(), speed.keep_gb_per_s, speed.keep_ratio, speed.restore_gb_per_s,
        speed.restore_ratio);
    comma = ",";
  }
  comma = "";
  std::printf("],\"zero_copy\":[");
  for (const ZeroCopyTime& time : results.store.zero_copy) {
    std::printf("%s{\"huge_pages\":%llu,\"keep_s\":%.9f,\"keep_processor_s\":%.9f,\"restore_s\":%.9f}", comma,
                static_cast<unsigned long long>(time.pages), time.keep_seconds, time.keep_processor_seconds,
                time.restore_seconds);
    comma = ",";
  }
  comma = "";
  std::printf("],\"sizes\":[");
  for (const Results::Size& size : results.sizes) {
    std::printf("%s{\"file\":%s,\"bytes\":%ju}", comma, Quoted(size.file).c_str(), size.bytes);
    comma = ",";
  }
  std::printf("]}\n");
}

int Main(int argc, char** argv) {
  bool json = false;
  bool store_only = false;
  Results results;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--json") {
      json = true;
      continue;
    }
    if (argument == "--store-only") {
      store_only = true;
      continue;
    }
    std::error_code error;
    const std::uintmax_t bytes = std::filesystem::file_size(argument, error);
    if (error) {
      std::fprintf(stderr, "bench: %s: %s\n", argument.c_str(), error.message().c_str());
      return 1;
    }
    results.sizes.push_back({argument, bytes});
  }
  const char* const huge_pages = std::getenv("HOLDFAST_BENCH_HUGEPAGES");
  results.store = MeasureStore(huge_pages != nullptr ? huge_pages : "/dev/hugepages");
  if (store_only) {
    PrintStore(results.store);
    return 0;
  }
  results.digests = MeasureDigests(kDigestRepetitions);
  for (const std::uint64_t count : kCounts) {
    results.planning.push_back(MeasurePlanning(count, count < 100'000 ? 101 : 5));
  }
  for (const Placement placement : {Placement::kBuddy, Placement::kScattered}) {
    for (const std::uint64_t seed : kSeeds) {
      results.workloads.push_back({placement, seed, MeasureDescriptions(placement, seed, kDescriptionRepetitions)});
    }
  }
  for (const std::uint64_t count : kWalks) {
    results.walks.push_back(MeasureWalk(count, kDescriptionRepetitions));
  }
  json ? PrintJson(results) : PrintText(results);
  return 0;
}

}  // namespace

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace holdfast::bench

int main(int argc, char** argv) { return holdfast::bench::Main(argc, argv); }
