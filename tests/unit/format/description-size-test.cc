// SPDX-License-Identifier: BSD-2-Clause
// How many bytes each description takes, on the workload on which they are compared.

#include <catch2/catch.hpp>

#include <array>
#include <vector>

#include "common/format/kho.h"
#include "common/format/range-list.h"
#include "tests/support/arena-memory.h"
#include "tests/support/folio-workload.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using test::BuddyFolios;
using test::ScatteredFolios;

std::size_t ListSize(const std::vector<KeptBlock>& blocks) {
  const std::vector<BlockRun> runs = test::RunsOf(blocks);
  std::vector<std::byte> storage(16 * runs.size() + 64);
  return EncodeRangeList(runs, storage).value().size();
}

// Of the map alone: the tree is a page more.
std::uint64_t KhoPages(const std::vector<KeptBlock>& blocks, KhoDialect dialect, KhoBitmaps bitmaps) {
  test::ArenaMemory memory(kGiB, 2048);
  test::ArenaMemory scratch(2 * kGiB, 1);
  const std::array areas = {scratch.range()};
  KhoImage image;
  image.dialect = dialect;
  image.bitmaps = bitmaps;
  image.blocks = blocks;
  image.scratch = areas;
  REQUIRE(EncodeKho(image, memory.arena(), scratch.arena()).ok());
  return memory.arena().used() / kPageSize - 1;
}

TEST_CASE("The workload is the one that was published", "[format][workload]") {
  std::array<int, 11> histogram{};
  for (const int order : test::FolioOrders(1)) {
    ++histogram[static_cast<std::size_t>(order)];
  }
  CHECK(histogram == std::array<int, 11>{1092, 1068, 1089, 1086, 1009, 1063, 1020, 1031, 1012, 971, 1052});
  CHECK(test::FolioOrders(1).size() == 11'493);
  CHECK(test::FolioOrders(2).size() == 11'263);
  CHECK(test::FolioOrders(3).size() == 11'587);
  CHECK(test::RunsOf(BuddyFolios(1)).size() == 7'485);
  CHECK(test::RunsOf(BuddyFolios(2)).size() == 7'428);
  CHECK(test::RunsOf(BuddyFolios(3)).size() == 7'641);
}

TEST_CASE("A buddy allocator's folios take a byte a run in our list", "[format][workload]") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    const auto blocks = BuddyFolios(seed);
    INFO("seed " << seed);
    CHECK(ListSize(blocks) < 24 + test::RunsOf(blocks).size() * 11 / 10);
  }
  CHECK(ListSize(ScatteredFolios(1)) < 4 * 11'493);
}

TEST_CASE("KHO's maps take the pages that were computed", "[format][workload]") {
  const auto blocks = BuddyFolios(1);
  // 761 bitmaps, eight a page, and 12 chunks.
  CHECK(KhoPages(blocks, KhoDialect::kV1, KhoBitmaps::k512) == 96 + 12);
  CHECK(KhoPages(blocks, KhoDialect::kV1, KhoBitmaps::k4096) == 132 + 11);
  // Leaves and tables.
  CHECK(KhoPages(blocks, KhoDialect::kV4, KhoBitmaps::kUnknown) == 132 + 37);
  CHECK(KhoPages(ScatteredFolios(1), KhoDialect::kV4, KhoBitmaps::kUnknown) == 956 + 38);
  // Seven times smaller than the smallest of them is the aim.
  CHECK(ListSize(blocks) * 7 < 96 * kPageSize);
}

}  // namespace
}  // namespace holdfast
