// SPDX-License-Identifier: BSD-2-Clause
// A value, or the reason there is none.

#include "common/base/result.h"

#include <catch2/catch.hpp>

#include <set>
#include <string>

#include "tests/support/ranges.h"

namespace holdfast {
namespace {

constexpr unsigned kNumCodes = static_cast<unsigned>(Errc::kContentsLost) + 1;

TEST_CASE("Each rule has a word of its own, in lower case", "[base][result]") {
  std::set<std::string> words;
  for (unsigned code = 0; code < kNumCodes; ++code) {
    const std::string word(ErrcName(static_cast<Errc>(code)));
    INFO(word);
    CHECK(!word.empty());
    CHECK(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string::npos);
    CHECK(words.insert(word).second);
  }
}

TEST_CASE("The words that people wait for do not change", "[base][result]") {
  CHECK(ErrcName(Errc::kTruncated) == "truncated");
  CHECK(ErrcName(Errc::kBadDigest) == "bad-digest");
  CHECK(ErrcName(Errc::kUnknownCompatible) == "unknown-compatible");
  CHECK(ErrcName(Errc::kCycle) == "cycle");
  CHECK(ErrcName(Errc::kTableFull) == "table-full");
  CHECK(ErrcName(Errc::kKeptOverlap) == "kept-overlap");
  CHECK(ErrcName(Errc::kKeptNotRam) == "kept-not-ram");
  CHECK(ErrcName(Errc::kOverlap) == "overlap");
  CHECK(ErrcName(Errc::kNoSlot) == "no-slot");
  CHECK(ErrcName(Errc::kFirmware) == "firmware");
  CHECK(ErrcName(Errc::kNotFound) == "not-found");
  CHECK(ErrcName(Errc::kUntrusted) == "untrusted");
  CHECK(ErrcName(Errc::kContentsLost) == "contents-lost");
}

Result<int> Half(int value) {
  if (value % 2 != 0) {
    return Error{Errc::kMalformed, 7};
  }
  return value / 2;
}

Result<int> Quarter(int value) {
  TRY_ASSIGN(const int half, Half(value));
  TRY_ASSIGN(const int quarter, Half(half));
  return quarter;
}

Status Halve(int value, int& steps) {
  TRY(Half(value));
  ++steps;
  return kDone;
}

TEST_CASE("A Result is either a value or an error", "[base][result]") {
  CHECK(Half(4).ok());
  CHECK(Half(4).value() == 2);
  CHECK_FALSE(Half(3).ok());
  CHECK(Half(3).error() == Error{Errc::kMalformed, 7});
}

TEST_CASE("TRY and TRY_ASSIGN hand the first error to the caller", "[base][result]") {
  CHECK(Quarter(8).value() == 2);
  CHECK(ErrorOf(Quarter(6)) == Error{Errc::kMalformed, 7});
  CHECK(ErrorOf(Quarter(5)) == Error{Errc::kMalformed, 7});

  int steps = 0;
  CHECK(Halve(2, steps).ok());
  CHECK_FALSE(Halve(3, steps).ok());
  CHECK(steps == 1);
}

}  // namespace
}  // namespace holdfast
