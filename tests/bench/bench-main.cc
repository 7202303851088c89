// SPDX-License-Identifier: BSD-2-Clause
// Measures the digest, the decision, and the size of the files that are given.
//
//   bench [--json] [FILE...]

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include "tests/bench/bench.h"

namespace holdfast::bench {
namespace {

constexpr unsigned kDigestRepetitions = 9;
constexpr std::array<std::uint64_t, 4> kCounts = {10, 1000, 100'000, 1'000'000};

struct Results {
  std::vector<DigestSpeed> digests;
  std::vector<PlanningTime> planning;
  struct Size {
    std::string file;
    std::uintmax_t bytes;
  };
  std::vector<Size> sizes;
};

double PerRange(const PlanningTime& time) {
  return (time.seal_shuffled_seconds + time.plan_seconds) / static_cast<double>(time.count) * 1e9;
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
  std::printf("],\"sizes\":[");
  for (const Results::Size& size : results.sizes) {
    std::printf("%s{\"file\":%s,\"bytes\":%ju}", comma, Quoted(size.file).c_str(), size.bytes);
    comma = ",";
  }
  std::printf("]}\n");
}

int Main(int argc, char** argv) {
  bool json = false;
  Results results;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--json") {
      json = true;
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
  results.digests = MeasureDigests(kDigestRepetitions);
  for (const std::uint64_t count : kCounts) {
    results.planning.push_back(MeasurePlanning(count, count < 100'000 ? 101 : 5));
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
