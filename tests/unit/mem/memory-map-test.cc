// SPDX-License-Identifier: BSD-2-Clause
// What lies where in physical memory.

#include "common/mem/memory-map.h"

#include <catch2/catch.hpp>

#include <array>
#include <vector>

#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using Entries = std::vector<MemEntry>;
constexpr MemType kRam = MemType::kUsable;
constexpr MemType kRes = MemType::kReserved;

struct Map : private FixedStorage<MemEntry, 4>, public MemoryMap {
  Map() : MemoryMap(std::span<MemEntry>(storage_)) {}
  explicit Map(const Entries& entries) : Map() {
    for (const MemEntry& entry : entries) {
      REQUIRE(AppendAscending(entry.range, entry.type).ok());
    }
  }
};

const Entries kTwo = {{R(0x1000, 0x3000), kRam}, {R(0x5000, 0x7000), kRes}};

TEST_CASE("AppendAscending joins an entry of one type that touches, and only that", "[mem][memory-map]") {
  Map map(kTwo);
  REQUIRE(map.AppendAscending(R(0x7000, 0x7000), kRam).ok());
  REQUIRE(map.AppendAscending(R(0x7000, 0x8000), kRes).ok());
  CHECK(List(map.view()) == Entries{kTwo[0], {R(0x5000, 0x8000), kRes}});
  REQUIRE(map.AppendAscending(R(0x8000, 0x9000), kRam).ok());
  REQUIRE(map.AppendAscending(R(0x9001, 0xa000), kRam).ok());
  CHECK(map.size() == 4);
  CHECK(ErrorOf(map.AppendAscending(R(0xb000, 0xc000), kRam)) == Error{Errc::kTableFull, 4});
  CHECK(map.AppendAscending(R(0xa000, 0xc000), kRam).ok());
}

TEST_CASE("The higher type wins where entries overlap", "[mem][memory-map]") {
  struct Case {
    const char* name;
    MemEntry added;
    Entries after;
  };
  const auto c = GENERATE(
      Case{"nothing", {R(0x2000, 0x2000), kRes}, kTwo},
      Case{"a hole", {R(0x3000, 0x4000), kRes}, {{R(0x1000, 0x3000), kRam}, {R(0x3000, 0x4000), kRes}, kTwo[1]}},
      Case{"a hole, of its neighbour's type",
           {R(0x4000, 0x5000), kRes},
           {{R(0x1000, 0x3000), kRam}, {R(0x4000, 0x7000), kRes}}},
      Case{"the middle of a lower",
           {R(0x1800, 0x2000), kRes},
           {{R(0x1000, 0x1800), kRam}, {R(0x1800, 0x2000), kRes}, {R(0x2000, 0x3000), kRam}, kTwo[1]}},
      Case{"the start of a lower",
           {R(0x1000, 0x2000), kRes},
           {{R(0x1000, 0x2000), kRes}, {R(0x2000, 0x3000), kRam}, kTwo[1]}},
      Case{"the end of a lower, up to one of its own",
           {R(0x2000, 0x5000), kRes},
           {{R(0x1000, 0x2000), kRam}, {R(0x2000, 0x7000), kRes}}},
      Case{"a lower exactly", {R(0x1000, 0x3000), kRes}, {{R(0x1000, 0x3000), kRes}, kTwo[1]}},
      Case{"inside a higher", {R(0x5800, 0x6000), kRam}, kTwo},
      Case{
          "around a higher",
          {R(0x4000, 0x8000), kRam},
          {{R(0x1000, 0x3000), kRam}, {R(0x4000, 0x5000), kRam}, {R(0x5000, 0x7000), kRes}, {R(0x7000, 0x8000), kRam}}},
      Case{"all, with the highest", {R(0, 0x9000), MemType::kNvs}, {{R(0, 0x9000), MemType::kNvs}}},
      Case{"all, with the lowest", {R(0, 0x7000), kRam}, {{R(0, 0x5000), kRam}, {R(0x5000, 0x7000), kRes}}});
  INFO(c.name);
  Map map(kTwo);
  REQUIRE(map.Overlay(c.added.range, c.added.type).ok());
  CHECK(List(map.view()) == c.after);
}

TEST_CASE("A map that would not fit is refused", "[mem][memory-map]") {
  Map map({{R(0x1000, 0x2000), kRam}, {R(0x3000, 0x4000), kRam}, {R(0x5000, 0x6000), kRam}});
  REQUIRE(map.Overlay(R(0x7000, 0x8000), kRam).ok());
  CHECK(ErrorOf(map.Overlay(R(0x9000, 0xa000), kRam)) == Error{Errc::kTableFull, 4});
  CHECK(ErrorOf(map.Overlay(R(0x1400, 0x1800), kRes)) == Error{Errc::kTableFull, 4});
}

TEST_CASE("A full map still takes what joins its entries", "[mem][memory-map]") {
  Map map({{R(0x1000, 0x2000), kRam}, {R(0x3000, 0x4000), kRam}, {R(0x5000, 0x6000), kRam}});
  REQUIRE(map.Overlay(R(0x7000, 0x8000), kRam).ok());
  REQUIRE(map.Overlay(R(0x2000, 0x3000), kRam).ok());
  CHECK(map.size() == 3);
  CHECK(map.view()[0] == MemEntry{R(0x1000, 0x4000), kRam});
}

TEST_CASE("FirstEndingAfter finds the entry of an address, or the next", "[mem][memory-map]") {
  const Map map(kTwo);
  CHECK(map.FirstEndingAfter(PhysAddr(0)) == 0);
  CHECK(map.FirstEndingAfter(PhysAddr(0x2fff)) == 0);
  CHECK(map.FirstEndingAfter(PhysAddr(0x3000)) == 1);
  CHECK(map.FirstEndingAfter(PhysAddr(0x6fff)) == 1);
  CHECK(map.FirstEndingAfter(PhysAddr(0x7000)) == 2);
}

TEST_CASE("FirstNot names the first part without the type, be it a hole or another type", "[mem][memory-map]") {
  const Map map({{R(0x1000, 0x3000), kRam}, {R(0x3000, 0x4000), MemType::kReservedKern}, {R(0x5000, 0x7000), kRes}});
  struct Case {
    PhysRange range;
    std::optional<PhysRange> gap;
    std::optional<MemType> type;
  };
  const auto c = GENERATE(
      Case{R(0x1000, 0x4000), {}, {}}, Case{R(0x9000, 0x9000), {}, {}}, Case{R(0xfff, 0x2000), R(0xfff, 0x1000), {}},
      Case{R(0x3fff, 0x4001), R(0x4000, 0x4001), {}}, Case{R(0x4000, 0x9000), R(0x4000, 0x5000), {}},
      Case{R(0x6000, 0x9000), R(0x6000, 0x7000), kRes}, Case{R(0x7000, 0x9000), R(0x7000, 0x9000), {}});
  const auto gap = map.FirstNot(c.range, IsRam);
  REQUIRE(gap.has_value() == c.gap.has_value());
  if (gap) {
    CHECK(gap->range == *c.gap);
    CHECK(gap->type == c.type);
  }
}

TEST_CASE("BytesOf counts one type", "[mem][memory-map]") {
  const Map map({{R(0x1000, 0x3000), kRam}, {R(0x3000, 0x4000), kRes}, {R(0x5000, 0x5001), kRam}});
  CHECK(map.BytesOf(kRam) == 0x2001);
  CHECK(map.BytesOf(kRes) == 0x1000);
  CHECK(map.BytesOf(MemType::kNvs) == 0);
}

}  // namespace
}  // namespace holdfast
