// SPDX-License-Identifier: BSD-2-Clause

#include "common/format/bit-runs.h"

#include <catch2/catch.hpp>

#include <vector>

namespace holdfast {
namespace {

std::vector<BitRun> RunsOf(const std::vector<std::byte>& bytes, std::uint64_t bits) {
  BitRuns runs(bytes, bits);
  std::vector<BitRun> out;
  while (const auto run = runs.Next()) {
    out.push_back(*run);
  }
  CHECK_FALSE(runs.Next());
  return out;
}

std::vector<std::byte> Bytes(std::initializer_list<unsigned> values) {
  std::vector<std::byte> out;
  for (const unsigned value : values) {
    out.push_back(static_cast<std::byte>(value));
  }
  return out;
}

TEST_CASE("Runs go over words, as long as they are", "[format][bit-runs]") {
  CHECK(RunsOf({}, 0).empty());
  CHECK(RunsOf(Bytes({0, 0, 0, 0, 0, 0, 0, 0}), 64).empty());
  CHECK(RunsOf(Bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), 64) == std::vector{BitRun{0, 64}});
  CHECK(RunsOf(Bytes({0x05, 0, 0, 0, 0, 0, 0, 0x80}), 64) == std::vector{BitRun{0, 1}, BitRun{2, 1}, BitRun{63, 1}});
  CHECK(RunsOf(Bytes({0, 0, 0, 0, 0, 0, 0, 0xc0, 0x03, 0, 0, 0, 0, 0, 0, 0}), 128) == std::vector{BitRun{62, 4}});
}

TEST_CASE("Bits behind the last are not looked at", "[format][bit-runs]") {
  const auto all = std::vector<std::byte>(16, std::byte{0xff});
  CHECK(RunsOf(all, 65) == std::vector{BitRun{0, 65}});
  CHECK(RunsOf(all, 64) == std::vector{BitRun{0, 64}});
  CHECK(RunsOf(all, 1) == std::vector{BitRun{0, 1}});
  CHECK(RunsOf(all, 0).empty());
  CHECK(RunsOf(Bytes({0, 0, 0, 0, 0, 0, 0, 0x80}), 63).empty());
}

}  // namespace
}  // namespace holdfast
