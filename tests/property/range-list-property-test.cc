// SPDX-License-Identifier: BSD-2-Clause
// Random range lists, judged by the list that they were made from.

#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

#include "common/format/range-list.h"
#include "tests/support/arena-memory.h"
#include "tests/support/property.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using test::Random;

constexpr std::uint64_t kCases = 4000;

std::uint64_t BlockSize(int order) { return kPageSize << (order < 0 ? 0 : order); }

// Small orders, gaps and counts mostly, as memory has them; any others now and then.
std::vector<BlockRun> RandomRuns(Random& random) {
  std::vector<BlockRun> out;
  std::uint64_t end = 0;
  for (std::uint64_t i = random.Between(1, 60); i > 0; --i) {
    const int order = static_cast<int>(random.OneIn(8) ? random.Below(kMaxRunOrder + 1) : random.Below(12)) - 1;
    const std::uint64_t block = BlockSize(order);
    const std::uint64_t gap = random.OneIn(2) ? 0 : random.Below(random.OneIn(8) ? 1u << 20 : 200);
    const std::uint64_t count = random.Between(1, random.OneIn(8) ? 100'000 : 12);
    const std::uint64_t start = AlignUp(end, block) + gap * block;
    if (start + count * block > kPhysLimit) {
      break;
    }
    end = start + count * block;
    if (!out.empty() && out.back().range.end().raw() == start && out.back().order == order) {
      out.back().range = R(out.back().range.start().raw(), end);
    } else {
      out.push_back({.range = R(start, end), .order = static_cast<std::int8_t>(order)});
    }
  }
  if (out.empty()) {
    out.push_back({.range = R(0, kPageSize), .order = 0});
  }
  return out;
}

std::vector<BlockRun> Decoded(std::span<const std::byte> bytes) {
  test::BlockList list;
  REQUIRE(DecodeRangeList(bytes, list.sink()).ok());
  std::vector<BlockRun> out;
  for (const KeptBlock& block : list.all()) {
    out.push_back({.range = block.range, .order = block.order});
  }
  return out;
}

TEST_CASE("Any list decodes to the runs that it was made from", "[property][range-list]") {
  std::vector<std::byte> storage(4096);
  test::ForEachCase(kCases, [&](Random& random) {
    const std::vector<BlockRun> runs = RandomRuns(random);
    const auto bytes = EncodeRangeList(runs, storage);
    REQUIRE(bytes.ok());
    const bool same = Decoded(bytes.value()) == runs;
    REQUIRE(same);
  });
}

// There is one encoding: what decodes is what the encoder makes of it.
TEST_CASE("A list with one byte changed is refused, or is another list's own", "[property][range-list]") {
  std::vector<std::byte> storage(4096);
  std::vector<std::byte> again(4096);
  std::uint64_t refused = 0;
  std::uint64_t taken = 0;
  test::ForEachCase(kCases, [&](Random& random) {
    const auto bytes = EncodeRangeList(RandomRuns(random), storage);
    REQUIRE(bytes.ok());
    std::vector<std::byte> changed(bytes.value().begin(), bytes.value().end());
    changed[random.Below(changed.size())] ^= static_cast<std::byte>(random.Between(1, 255));
    test::BlockList list;
    if (!DecodeRangeList(changed, list.sink()).ok()) {
      ++refused;
      return;
    }
    ++taken;
    const auto re_encoded = EncodeRangeList(Decoded(changed), again);
    REQUIRE(re_encoded.ok());
    const bool same = std::equal(changed.begin(), changed.end(), re_encoded.value().begin(), re_encoded.value().end());
    REQUIRE(same);
  });
  // Both happen, or nothing was shown; a single case shows what it can.
  const bool both = test::NumCases(kCases) < 100 || (refused != 0 && taken != 0);
  CHECK(both);
}

}  // namespace
}  // namespace holdfast
