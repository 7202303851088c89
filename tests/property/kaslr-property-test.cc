// SPDX-License-Identifier: BSD-2-Clause
// I5: each place that is allowed is as likely as any other.
//
// Seeds are made as the stage makes them, from SHA-256, of a counter in place of hardware's entropy: so they are the
// same in each run, and what holds once holds always.

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/stored-int.h"
#include "common/codec/sha256.h"
#include "tests/property/plan-generator.h"
#include "tests/property/plan-inputs.h"
#include "tests/property/plan-model.h"

namespace holdfast::property {
namespace {

constexpr std::uint64_t kNumSeeds = 100'000;
constexpr std::size_t kNumMaps = 8;

std::uint64_t SeedOf(std::string_view purpose, std::uint64_t counter) {
  const Le64 stored(counter);
  Sha256 hash;
  hash.Update(std::as_bytes(std::span(purpose)));
  hash.Update(std::as_bytes(std::span(&stored, 1)));
  const Digest digest = hash.Finish();
  Le64 seed;
  std::memcpy(&seed, digest.data(), sizeof(seed));
  return seed.value();
}

// What chi-squared with that many degrees of freedom stays below in 99 of 100 cases (Wilson and Hilferty, 1931; within
// a hundredth of the exact bound from 10 degrees on).
double ChiSquaredBound(double degrees) {
  constexpr double kQuantile = 2.3263478740408408;  // of the normal distribution, at 0.99
  const double part = 2 / (9 * degrees);
  const double root = 1 - part + kQuantile * std::sqrt(part);
  return degrees * root * root * root;
}

// How often each of the values that are allowed came.  What is not allowed has no place in it.
class Tally {
 public:
  explicit Tally(std::vector<std::uint64_t> allowed) : allowed_(std::move(allowed)), counts_(allowed_.size()) {}

  // False for a value that is not allowed.
  bool Add(std::uint64_t value) {
    const auto it = std::lower_bound(allowed_.begin(), allowed_.end(), value);
    if (it == allowed_.end() || *it != value) return false;
    ++counts_[static_cast<std::size_t>(it - allowed_.begin())];
    ++total_;
    return true;
  }

  std::uint64_t rarest() const { return *std::min_element(counts_.begin(), counts_.end()); }

  double chi_squared() const {
    const double expected = static_cast<double>(total_) / static_cast<double>(counts_.size());
    double sum = 0;
    for (const std::uint64_t count : counts_) {
      const double off = static_cast<double>(count) - expected;
      sum += off * off / expected;
    }
    return sum;
  }
  double bound() const { return ChiSquaredBound(static_cast<double>(counts_.size() - 1)); }

 private:
  std::vector<std::uint64_t> allowed_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
};

// The first random machines in which something is kept, RAM lies in pieces, and both choices are free and wide.
std::vector<Case> FragmentedCases() {
  std::vector<Case> cases;
  for (std::uint64_t seed = 1; cases.size() < kNumMaps; ++seed) {
    Case c = MakeCase(seed);
    if (c.entry.in_firmware) continue;  // There the kernel chooses.
    c.kaslr = c.policy_kaslr = true;
    const Verdict verdict = JudgeCase(c);
    const auto is_wide = [](std::uint64_t count) { return count >= 50 && count <= 2000; };
    if (verdict.refusal == nullptr && !verdict.kept.empty() && verdict.num_entries >= 12 &&
        is_wide(verdict.slot_count) && is_wide(verdict.virtual_count)) {
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

}  // namespace

TEST_CASE("The bound of chi-squared is that of the tables", "[property][kaslr]") {
  CHECK(ChiSquaredBound(10) == Approx(23.209).epsilon(0.01));
  CHECK(ChiSquaredBound(100) == Approx(135.807).epsilon(0.001));
  CHECK(ChiSquaredBound(1000) == Approx(1106.969).epsilon(0.0001));
}

TEST_CASE("A tally sees what is not uniform", "[property][kaslr]") {
  Tally even({3, 5, 9});
  Tally uneven({3, 5, 9});
  for (std::uint64_t i = 0; i < 3000; ++i) {
    REQUIRE(even.Add(std::array<std::uint64_t, 3>{3, 5, 9}[i % 3]));
    REQUIRE(uneven.Add(std::array<std::uint64_t, 3>{3, 5, 9}[i % 30 == 0 ? 1 : i % 3]));
  }
  CHECK_FALSE(even.Add(4));
  CHECK(even.rarest() == 1000);
  CHECK(even.chi_squared() < even.bound());
  CHECK(uneven.chi_squared() > uneven.bound());
}

TEST_CASE("Each slot that the page bitmap allows is taken as often as any other, and no other place ever is",
          "[property][kaslr]") {
  InputStorage storage;
  std::vector<MemEntry> map_storage(8192);
  std::vector<PhysRange> avoid_storage(1024);
  for (const Case& c : FragmentedCases()) {
    INFO(ShowCase(c));
    const CaseInputs built(c, storage);
    REQUIRE_FALSE(built.error());
    BootInputs inputs = built.Make();
    BootPlan plan({map_storage.data(), c.map_capacity}, {avoid_storage.data(), c.avoid_capacity});
    Tally slots(SlotsOf(c));
    Tally deltas(VirtualAddressesOf(c));
    std::uint64_t num_wrong = 0;
    for (std::uint64_t i = 0; i < kNumSeeds; ++i) {
      inputs.seed = SeedOf("physical", i);
      inputs.virtual_seed = SeedOf("virtual", i);
      const bool planned = MakeBootPlan(inputs, plan).ok();
      num_wrong += !planned || !slots.Add(plan.slot.range.start().raw()) ||
                   !deltas.Add(c.kernel.virtual_min + plan.virtual_delta) || plan.slot.range.size() != c.kernel.size;
    }
    CHECK(num_wrong == 0);
    CHECK(slots.rarest() > 0);
    CHECK(slots.chi_squared() < slots.bound());
    CHECK(deltas.rarest() > 0);
    CHECK(deltas.chi_squared() < deltas.bound());
  }
}

}  // namespace holdfast::property
