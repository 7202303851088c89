// SPDX-License-Identifier: BSD-2-Clause
// Random cases that can be run again.
//
// HOLDFAST_PROPERTY_CASES: how many cases a property is tried on.
// HOLDFAST_PROPERTY_SEED: the seed of the first case; the next one's is one higher.

#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace holdfast::test {

inline std::uint64_t NumberFromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::stoull(text, nullptr, 0);
}

inline std::uint64_t NumCases(std::uint64_t otherwise) {
  return NumberFromEnvironment("HOLDFAST_PROPERTY_CASES", otherwise);
}

inline std::uint64_t FirstSeed() { return NumberFromEnvironment("HOLDFAST_PROPERTY_SEED", 20240229); }

// The same numbers on every machine, which the distributions of <random> do not promise.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t Bits() { return engine_(); }
  // Below `limit`, which is not 0.
  std::uint64_t Below(std::uint64_t limit) { return engine_() % limit; }
  // From first to last, both included.
  std::uint64_t Between(std::uint64_t first, std::uint64_t last) { return first + Below(last - first + 1); }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace holdfast::test
