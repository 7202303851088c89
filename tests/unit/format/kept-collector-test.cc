// SPDX-License-Identifier: BSD-2-Clause
// From a decoder's blocks to the kept map.

#include "common/format/kept-collector.h"

#include <catch2/catch.hpp>

#include <array>
#include <vector>

#include "tests/support/plan-fixtures.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

// What is kept of one uncertain span.
std::vector<PhysRange> KeptOf(PhysRange span, const std::vector<MemEntry>& memory,
                              const std::vector<PhysRange>& scratch = {}) {
  const test::TestMap map(memory);
  test::TestSet areas(scratch);
  std::array<KeptRange, 16> storage;
  PreservedMap kept(storage);
  KeptCollector collector(kept, 3, Fence::kReserved, map.map(), areas.set());
  REQUIRE(collector.sink().Add({.range = span, .kind = KeptKind::kUncertain}).ok());
  REQUIRE(collector.Flush().ok());
  std::vector<PhysRange> out;
  for (const KeptRange& each : kept.view()) {
    CHECK(each.kind == KeptKind::kUncertain);
    CHECK(each.source == 3);
    out.push_back(each.range);
  }
  return out;
}

using Ranges = std::vector<PhysRange>;

}  // namespace

TEST_CASE("What is uncertain is kept in whole pages of RAM", "[format][kept-collector]") {
  const PhysRange span = R(0x3000, 0x9000);
  CHECK(KeptOf(span, {{R(0, 0x10000), MemType::kUsable}}) == Ranges{span});
  CHECK(KeptOf(span, {{R(0, 0x6400), MemType::kUsable}}) == Ranges{R(0x3000, 0x6000)});
  CHECK(KeptOf(span, {{R(0, 0x6c00), MemType::kUsable}, {R(0x6c00, 0x10000), MemType::kReserved}}) ==
        Ranges{R(0x3000, 0x6000)});
  CHECK(KeptOf(span, {{R(0, 0x5000), MemType::kReserved}, {R(0x5400, 0x10000), MemType::kUsable}}) ==
        Ranges{R(0x6000, 0x9000)});
  CHECK(KeptOf(span, {{R(0, 0x4000), MemType::kUsable}, {R(0x6000, 0x10000), MemType::kUsable}}) ==
        Ranges{R(0x3000, 0x4000), R(0x6000, 0x9000)});
  CHECK(KeptOf(span, {{R(0x4100, 0x4f00), MemType::kUsable}}).empty());
  CHECK(KeptOf(span, {}).empty());
}

TEST_CASE("A page of RAM of two kinds is whole", "[format][kept-collector]") {
  CHECK(KeptOf(R(0x3000, 0x9000), {{R(0, 0x6400), MemType::kUsable}, {R(0x6400, 0x10000), MemType::kReservedKern}}) ==
        Ranges{R(0x3000, 0x9000)});
}

TEST_CASE("Nothing uncertain is kept in scratch", "[format][kept-collector]") {
  CHECK(KeptOf(R(0x3000, 0x9000), {{R(0, 0x10000), MemType::kUsable}}, {R(0x4000, 0x5000), R(0x8000, 0xa000)}) ==
        Ranges{R(0x3000, 0x4000), R(0x5000, 0x8000)});
}

}  // namespace holdfast
