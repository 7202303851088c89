// SPDX-License-Identifier: BSD-2-Clause
// Tests of our own range list.

#include "common/format/range-list.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "tests/support/arena-memory.h"
#include "tests/support/ranges.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::BlockList;
using test::CheckError;

constexpr std::size_t kHeaderSize = sizeof(StoredRangeListHeader);

std::vector<std::byte> Encoded(const std::vector<BlockRun>& runs) {
  std::vector<std::byte> storage(kHeaderSize + 16 * runs.size());
  const auto bytes = EncodeRangeList(runs, storage).value();
  return {bytes.begin(), bytes.end()};
}

// A list with a sound header in front of `runs`.
std::vector<std::byte> ListOf(std::uint32_t num_runs, const std::vector<unsigned>& runs) {
  const StoredRangeListHeader header{Le64(kRangeListMagic), Le32(kRangeListVersion), Le32(num_runs),
                                     Le64(kHeaderSize + runs.size())};
  std::vector<std::byte> out(kHeaderSize);
  std::memcpy(out.data(), &header, sizeof(header));
  for (const unsigned byte : runs) {
    out.push_back(static_cast<std::byte>(byte));
  }
  return out;
}

Status Decode(std::span<const std::byte> bytes) {
  BlockList list;
  return DecodeRangeList(bytes, list.sink());
}

std::vector<BlockRun> RunsIn(std::span<const std::byte> bytes) {
  BlockList list;
  REQUIRE(DecodeRangeList(bytes, list.sink()).ok());
  std::vector<BlockRun> out;
  for (const KeptBlock& block : list.all()) {
    CHECK(block.kind == KeptKind::kMemory);
    out.push_back({.range = block.range, .order = block.order});
  }
  return out;
}

void CheckRuns(const std::vector<BlockRun>& found, const std::vector<BlockRun>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO("run " << i);
    CHECK(found[i].range == expected[i].range);
    CHECK(int{found[i].order} == int{expected[i].order});
  }
}

TEST_CASE("A list lies in memory as the page says", "[format][range-list]") {
  const std::vector<BlockRun> runs = {
      {R(0x200000, 0x400000), 9},             // gap of 1
      {R(0x400000, 0x401000), 0},             // at once behind it
      {R(0x401000, 0x40b000), -1},            // 10 pages
      {R(0x40c000, 0x40e000), 1},             // rounded up
      {R(0x40000000000, 0x40010000000), 15},  // 2 blocks, far away
  };
  const std::vector<std::byte> expected = ListOf(
      5, {0x89, 0x00,                    // order 9, gap of 1
          0x00,                          // a page
          0x7f, 0x02,                    // no order, 8 + 2
          0x01,                          //
          0x9e, 0x01, 0xfe, 0xff, 0x01}  // order 14 + 1, gap of 1 + 0x7ffe behind the block that is rounded up to
  );
  CHECK(Encoded(runs) == expected);
  CheckRuns(RunsIn(expected), runs);
}

TEST_CASE("Every order and count decodes to itself", "[format][range-list]") {
  for (int order = KeptBlock::kNoOrder; order <= kMaxRunOrder; ++order) {
    const std::uint64_t block = kPageSize << (order < 0 ? 0 : order);
    for (const std::uint64_t count : {1u, 2u, 7u, 8u, 9u, 135u, 136u, 70000u}) {
      if (count > kPhysLimit / block) {
        continue;
      }
      INFO("order " << order << " count " << count);
      const std::vector<BlockRun> low = {{R(0, count * block), static_cast<std::int8_t>(order)}};
      CheckRuns(RunsIn(Encoded(low)), low);
      const std::vector<BlockRun> high = {{R(kPhysLimit - count * block, kPhysLimit), static_cast<std::int8_t>(order)}};
      CheckRuns(RunsIn(Encoded(high)), high);
    }
  }
  const std::vector<BlockRun> all = {{PhysRange::All(), KeptBlock::kNoOrder}};
  CheckRuns(RunsIn(Encoded(all)), all);
}

TEST_CASE("A list with a wrong header is refused", "[format][range-list]") {
  const std::vector<std::byte> sound = ListOf(1, {0x00});
  REQUIRE(Decode(sound).ok());
  CheckError(Decode({}), Errc::kTruncated, 0);
  CheckError(Decode(std::span(sound).first(kHeaderSize - 1)), Errc::kTruncated, kHeaderSize - 1);
  CheckError(Decode(std::span(sound).first(kHeaderSize)), Errc::kTruncated, kHeaderSize);

  auto bytes = sound;
  bytes[0] = std::byte{0};
  CheckError(Decode(bytes), Errc::kBadMagic, 0);
  bytes = sound;
  bytes[8] = std::byte{2};
  CheckError(Decode(bytes), Errc::kBadVersion, 2);
  bytes = sound;
  bytes[12] = std::byte{0};
  CheckError(Decode(bytes), Errc::kMalformed, 12);
  bytes = sound;
  bytes.push_back(std::byte{0});
  CheckError(Decode(bytes), Errc::kMalformed, 16);
}

TEST_CASE("A list of more than 64 MiB is not read", "[format][range-list]") {
  // The size alone decides: the first bytes are no list.
  const std::vector<std::byte> bytes(kMaxRangeListSize + 1);
  CheckError(Decode(bytes), Errc::kTooLarge, kMaxRangeListSize);
  CheckError(Decode(std::span(bytes).first(kMaxRangeListSize)), Errc::kBadMagic, 0);
}

TEST_CASE("A list whose runs break a rule is refused", "[format][range-list]") {
  struct Case {
    std::string what;
    std::uint32_t num_runs;
    std::vector<unsigned> runs;
    Errc code;
    std::uint64_t where;  // from the first run on
  };
  const std::vector<Case> cases = {
      {"fewer runs than it says", 2, {0x00}, Errc::kTruncated, 1},
      {"more runs than it says", 1, {0x00, 0x01}, Errc::kMalformed, 1},
      {"no order byte", 1, {0x0e}, Errc::kTruncated, 1},
      {"order 40", 1, {0x0e, 26}, Errc::kMalformed, 1},
      {"no gap", 1, {0x80}, Errc::kTruncated, 1},
      {"no count", 1, {0x70}, Errc::kTruncated, 1},
      {"a gap that ends in its middle", 1, {0x80, 0x80}, Errc::kTruncated, 2},
      {"a gap with a shorter form", 1, {0x80, 0x81, 0x00}, Errc::kMalformed, 1},
      {"a count with a shorter form", 1, {0x70, 0x80, 0x00}, Errc::kMalformed, 1},
      {"a gap of seven bytes", 1, {0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, Errc::kMalformed, 1},
      {"a run that goes on with another", 2, {0x80, 0x00, 0x00}, Errc::kMalformed, 2},
      {"one without an order, too", 2, {0x8f, 0x00, 0x0f}, Errc::kMalformed, 2},
      {"a gap past the limit", 1, {0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f}, Errc::kOutOfBounds, 0},
      {"two pages where there is room for one", 1, {0x90, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x1f}, Errc::kOutOfBounds, 0},
      {"a count past the limit", 1, {0x70, 0xf9, 0xff, 0xff, 0xff, 0xff, 0x1f}, Errc::kOutOfBounds, 0},
      {"blocks past the limit", 1, {0x2e, 25}, Errc::kOutOfBounds, 0},
  };
  for (const Case& each : cases) {
    INFO(each.what);
    CheckError(Decode(ListOf(each.num_runs, each.runs)), each.code, kHeaderSize + each.where);
  }
  // The last page, all there is but the last page, all of it in two blocks.
  CHECK(Decode(ListOf(1, {0x80, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x1f})).ok());
  CHECK(Decode(ListOf(1, {0x70, 0xf7, 0xff, 0xff, 0xff, 0xff, 0x1f})).ok());
  CHECK(Decode(ListOf(1, {0x1e, 25})).ok());
}

TEST_CASE("The sink's error ends the walk", "[format][range-list]") {
  const auto bytes = Encoded({{R(0, 0x1000), 0}, {R(0x4000, 0x5000), 0}, {R(0x6000, 0x7000), 0}});
  int room = 2;
  const BlockSink sink(
      [](void* left, const KeptBlock&) {
        return --*static_cast<int*>(left) < 0 ? Status(Error{Errc::kTableFull, 7}) : Status(kDone);
      },
      &room);
  CheckError(DecodeRangeList(bytes, sink), Errc::kTableFull, 7);
  CHECK(room == -1);
}

TEST_CASE("A list that would not decode is not encoded", "[format][range-list]") {
  struct Case {
    std::string what;
    std::vector<BlockRun> runs;
    std::uint64_t where;
  };
  const std::vector<Case> cases = {
      {"nothing", {}, 0},
      {"an empty run", {{R(0x1000, 0x2000), 0}, {R(0x3000, 0x3000), 0}}, 1},
      {"a start within a page", {{R(0x1800, 0x2800), -1}}, 0},
      {"an end within a page", {{R(0x1000, 0x2800), -1}}, 0},
      {"a start within a block", {{R(0x1000, 0x3000), 1}}, 0},
      {"an end within a block", {{R(0x2000, 0x5000), 1}}, 0},
      {"runs that descend", {{R(0x2000, 0x3000), 0}, {R(0x1000, 0x2000), 0}}, 1},
      {"runs that overlap", {{R(0x2000, 0x4000), 0}, {R(0x3000, 0x5000), -1}}, 1},
      {"runs that are one", {{R(0x2000, 0x4000), 0}, {R(0x4000, 0x5000), 0}}, 1},
      {"order 40", {{R(0, kPhysLimit), 40}}, 0},
      {"order -2", {{R(0, 0x1000), -2}}, 0},
  };
  std::vector<std::byte> storage(256);
  for (const Case& each : cases) {
    INFO(each.what);
    CheckError(EncodeRangeList(each.runs, storage), Errc::kMalformed, each.where);
  }
}

TEST_CASE("Storage that is too small is an error", "[format][range-list]") {
  const std::vector<BlockRun> runs = {{R(0x1000, 0x2000), 0}};
  std::vector<std::byte> storage(kHeaderSize + 2);
  CHECK(EncodeRangeList(runs, storage).ok());
  CheckError(EncodeRangeList(runs, std::span(storage).first(kHeaderSize + 1)), Errc::kTableFull, kHeaderSize + 1);
  CheckError(EncodeRangeList(runs, std::span(storage).first(kHeaderSize - 1)), Errc::kTableFull, kHeaderSize - 1);
}

}  // namespace
}  // namespace holdfast
