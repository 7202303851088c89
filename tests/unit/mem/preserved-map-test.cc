// SPDX-License-Identifier: BSD-2-Clause
// The memory that somebody asked to keep.

#include "common/mem/preserved-map.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using Kept = std::vector<KeptRange>;
constexpr Fence kRes = Fence::kReserved;
constexpr Fence kHeld = Fence::kHeld;

KeptRange K(std::uint64_t start, std::uint64_t end, std::uint8_t source = 0, Fence fence = kRes,
            std::uint32_t node = 0) {
  return {R(start, end), node, source, fence};
}

KeptRange Uncertain(std::uint64_t start, std::uint64_t end, std::uint8_t source = 0) {
  return {.range = R(start, end), .source = source, .kind = KeptKind::kUncertain};
}

struct Map : private FixedStorage<KeptRange, 8>, public PreservedMap {
  explicit Map(const Kept& kept) : PreservedMap(std::span<KeptRange>(storage_)) {
    for (const KeptRange& k : kept) {
      REQUIRE(Add(k).ok());
    }
  }
};

TEST_CASE("Seal rounds outward, sorts, and joins what touches and is of one name and fence", "[mem][preserved-map]") {
  struct Case {
    const char* name;
    Kept added;
    Kept sealed;
  };
  const auto c =
      GENERATE(Case{"nothing", {}, {}}, Case{"an empty range", {K(0x1800, 0x1800)}, {}},
               Case{"one byte", {K(0x1fff, 0x2000)}, {K(0x1000, 0x2000)}},
               Case{"the last byte of all", {K(kPhysLimit - 1, kPhysLimit)}, {K(kPhysLimit - 0x1000, kPhysLimit)}},
               Case{"out of order", {K(0x5000, 0x6000), K(0x1000, 0x2000)}, {K(0x1000, 0x2000), K(0x5000, 0x6000)}},
               Case{"touching", {K(0x1000, 0x2000), K(0x2000, 0x3000)}, {K(0x1000, 0x3000)}},
               Case{"touching under two fences",
                    {K(0x1000, 0x2000), K(0x2000, 0x3000, 0, kHeld)},
                    {K(0x1000, 0x2000), K(0x2000, 0x3000, 0, kHeld)}},
               Case{"two parts of a page", {K(0x1000, 0x1800), K(0x1800, 0x2000)}, {K(0x1000, 0x2000)}},
               Case{"apart by a page", {K(0x1000, 0x2000), K(0x3000, 0x4000)}, {K(0x1000, 0x2000), K(0x3000, 0x4000)}},
               Case{"apart by less than a page", {K(0x1000, 0x1fff), K(0x2001, 0x3000)}, {K(0x1000, 0x3000)}},
               Case{"two sources, one fence",
                    {K(0x1000, 0x4000, 0, kRes, 7), K(0x2000, 0x6000, 1, kRes, 9)},
                    {K(0x1000, 0x4000, 0, kRes, 7), K(0x4000, 0x6000, 1, kRes, 9)}},
               Case{"touching under two names",
                    {K(0x1000, 0x2000, 0, kRes, 7), K(0x2000, 0x3000, 0, kRes, 9)},
                    {K(0x1000, 0x2000, 0, kRes, 7), K(0x2000, 0x3000, 0, kRes, 9)}},
               Case{"parts of one page under two names",
                    {K(0x1000, 0x1800, 0, kRes, 7), K(0x1800, 0x3000, 0, kRes, 9)},
                    {K(0x1000, 0x2000, 0, kRes, 7), K(0x2000, 0x3000, 0, kRes, 9)}},
               Case{"a long one of another source around two",
                    {K(0x2000, 0x3000), K(0x5000, 0x6000), K(0x1000, 0x9000, 1, kRes, 4)},
                    {K(0x1000, 0x9000, 1, kRes, 4)}},
               Case{"twice by two sources", {K(0x1000, 0x2000, 0), K(0x1000, 0x2000, 1)}, {K(0x1000, 0x2000, 0)}});
  INFO(c.name);
  Map map(c.added);
  PreservedMap::Conflict conflict;
  REQUIRE(map.Seal(&conflict).ok());
  CHECK(List(map.view()) == c.sealed);
}

TEST_CASE("What is uncertain gives way to another fence, and is in nobody's way", "[mem][preserved-map]") {
  struct Case {
    const char* name;
    Kept added;
    Kept sealed;
  };
  const auto c = GENERATE(
      Case{"in its middle",
           {Uncertain(0x1000, 0x9000), K(0x3000, 0x4000, 1, kHeld)},
           {Uncertain(0x1000, 0x3000), K(0x3000, 0x4000, 1, kHeld), Uncertain(0x4000, 0x9000)}},
      Case{"parts of pages",
           {Uncertain(0x1000, 0x9000), K(0x3800, 0x4800, 1, kHeld)},
           {Uncertain(0x1000, 0x3000), K(0x3000, 0x5000, 1, kHeld), Uncertain(0x5000, 0x9000)}},
      Case{"at its start",
           {Uncertain(0x1000, 0x9000), K(0x1000, 0x4000, 1, kHeld)},
           {K(0x1000, 0x4000, 1, kHeld), Uncertain(0x4000, 0x9000)}},
      Case{"at its end",
           {Uncertain(0x1000, 0x9000), K(0x8000, 0x9000, 1, kHeld)},
           {Uncertain(0x1000, 0x8000), K(0x8000, 0x9000, 1, kHeld)}},
      Case{"all of it", {Uncertain(0x1000, 0x9000), K(0x1000, 0x9000, 1, kHeld)}, {K(0x1000, 0x9000, 1, kHeld)}},
      Case{"twice",
           {Uncertain(0x1000, 0x9000), K(0x3000, 0x4000, 1, kHeld), K(0x4000, 0x5000, 2, kHeld),
            K(0x7000, 0x8000, 1, kHeld)},
           {Uncertain(0x1000, 0x3000), K(0x3000, 0x4000, 1, kHeld), K(0x4000, 0x5000, 2, kHeld),
            Uncertain(0x5000, 0x7000), K(0x7000, 0x8000, 1, kHeld), Uncertain(0x8000, 0x9000)}},
      Case{"two that overlap",
           {Uncertain(0x1000, 0x6000), Uncertain(0x2000, 0x9000, 1), K(0x4000, 0x5000, 2, kHeld)},
           {Uncertain(0x1000, 0x4000), K(0x4000, 0x5000, 2, kHeld), Uncertain(0x5000, 0x9000)}},
      Case{"its own fence", {Uncertain(0x1000, 0x9000), K(0x3000, 0x4000)}, {Uncertain(0x1000, 0x9000)}});
  INFO(c.name);
  Kept added = c.added;
  for (int order = 0; order < 2; ++order) {
    Map map(added);
    REQUIRE(map.Seal().ok());
    CHECK(List(map.view()) == c.sealed);
    std::reverse(added.begin(), added.end());
  }
}

TEST_CASE("What cannot be cut for want of room is refused", "[mem][preserved-map]") {
  std::array<KeptRange, 2> storage;
  PreservedMap map(storage);
  REQUIRE(map.Add(Uncertain(0x1000, 0x9000)).ok());
  REQUIRE(map.Add(K(0x3000, 0x4000, 1, kHeld)).ok());
  CHECK(ErrorOf(map.Seal()) == Error{Errc::kTableFull, 2});
}

TEST_CASE("A full table joins what touches, in whatever order it came", "[mem][preserved-map]") {
  constexpr std::uint64_t kEnd = 64 * kPageSize;
  Map map({});
  for (std::uint64_t at = 0; at < kEnd; at += 4 * kPageSize) {
    for (const std::uint64_t page : {2, 0, 3, 1}) {
      REQUIRE(map.Add(K(at + page * kPageSize, at + (page + 1) * kPageSize)).ok());
    }
    // One that has another name stays.
    if (at == 0) REQUIRE(map.Add(K(kEnd, kEnd + kPageSize, 1)).ok());
  }
  SECTION("to one range for each name") {
    REQUIRE(map.Seal().ok());
    CHECK(List(map.view()) == Kept{K(0, kEnd), K(kEnd, kEnd + kPageSize, 1)});
  }
  SECTION("and still knows what was there") {
    REQUIRE(map.Add(K(0x5000, 0x6000)).ok());
    CHECK(ErrorOf(map.Seal()) == Error{Errc::kKeptOverlap, 0x5000});
  }
  SECTION("until there is none of it") {
    std::uint64_t at = 2 * kEnd;
    Status added = kDone;
    for (; added.ok(); at += 2 * kPageSize) {
      REQUIRE(at < 3 * kEnd);
      added = map.Add(K(at, at + kPageSize));
    }
    CHECK(ErrorOf(added) == Error{Errc::kTableFull, 8});
  }
}

TEST_CASE("Ranges that must not share bytes are refused with both of them", "[mem][preserved-map]") {
  struct Case {
    const char* name;
    Kept added;
    std::uint64_t where;
    KeptRange first, second;
  };
  const auto c = GENERATE(Case{"one byte of one source",
                               {K(0x1000, 0x2001), K(0x2000, 0x3000)},
                               0x2000,
                               K(0x1000, 0x2001),
                               K(0x2000, 0x3000)},
                          Case{"the same range twice",
                               {K(0x1000, 0x2000, 0, kRes, 2), K(0x1000, 0x2000, 0, kRes, 1)},
                               0x1000,
                               K(0x1000, 0x2000, 0, kRes, 1),
                               K(0x1000, 0x2000, 0, kRes, 2)},
                          Case{"a long range and one that comes much later",
                               {K(0x1000, 0x9000, 1), K(0x2000, 0x3000, 2), K(0x4000, 0x5000, 2), K(0x8000, 0xa000, 1)},
                               0x8000,
                               K(0x1000, 0x9000, 1),
                               K(0x8000, 0xa000, 1)},
                          Case{"two sources, two fences",
                               {K(0x1000, 0x2800, 0), K(0x2400, 0x3000, 1, kHeld)},
                               0x2400,
                               K(0x1000, 0x2800, 0),
                               K(0x2400, 0x3000, 1, kHeld)},
                          Case{"two fences far behind a shorter range",
                               {K(0x1000, 0x9000, 0, kHeld), K(0x2000, 0x3000, 1, kHeld), K(0x8800, 0x8900, 2)},
                               0x8800,
                               K(0x1000, 0x9000, 0, kHeld),
                               K(0x8800, 0x8900, 2)},
                          Case{"one page, two fences",
                               {K(0x1000, 0x2800, 0), K(0x2800, 0x3000, 0, kHeld)},
                               0x2000,
                               K(0x1000, 0x2800, 0),
                               K(0x2800, 0x3000, 0, kHeld)},
                          Case{"the lowest of two",
                               {K(0x8000, 0x9000), K(0x8800, 0x9800), K(0x1000, 0x3000), K(0x2000, 0x4000)},
                               0x2000,
                               K(0x1000, 0x3000),
                               K(0x2000, 0x4000)});
  INFO(c.name);
  Kept added = c.added;
  std::sort(added.begin(), added.end(), [](const KeptRange& a, const KeptRange& b) { return a.node < b.node; });
  for (int order = 0; order < 2; ++order) {
    Map map(added);
    PreservedMap::Conflict conflict;
    CHECK(ErrorOf(map.Seal(&conflict)) == Error{Errc::kKeptOverlap, c.where});
    CHECK(conflict.first == c.first);
    CHECK(conflict.second == c.second);
    Map again(added);
    CHECK_FALSE(again.Seal().ok());
    std::reverse(added.begin(), added.end());
  }
}

TEST_CASE("A full table is refused, and an empty range takes no place in it", "[mem][preserved-map]") {
  std::array<KeptRange, 1> storage;
  PreservedMap map(storage);
  REQUIRE(map.Add(K(0x1000, 0x1000)).ok());
  REQUIRE(map.Add(K(0x1000, 0x2000)).ok());
  CHECK(ErrorOf(map.Add(K(0x3000, 0x4000))) == Error{Errc::kTableFull, 1});
  REQUIRE(map.Add(K(0x3000, 0x3000)).ok());
  CHECK(map.size() == 1);
}

TEST_CASE("Questions are answered for the first kept range", "[mem][preserved-map]") {
  Map map({K(0x1000, 0x2000), K(0x4000, 0x6000)});
  REQUIRE(map.Seal().ok());
  CHECK(map.bytes() == 0x3000);
  CHECK(map.FirstEndingAfter(PhysAddr(0x1fff)) == 0);
  CHECK(map.FirstEndingAfter(PhysAddr(0x2000)) == 1);
  CHECK(map.FirstEndingAfter(PhysAddr(0x6000)) == 2);
  CHECK(map.FirstOverlap(R(0, 0x9000)) == K(0x1000, 0x2000));
  CHECK(map.FirstOverlap(R(0x2000, 0x4001)) == K(0x4000, 0x6000));
  CHECK_FALSE(map.FirstOverlap(R(0x2000, 0x4000)));
  CHECK_FALSE(map.FirstOverlap(R(0x5000, 0x5000)));
  CHECK_FALSE(map.FirstOverlap(R(0x6000, 0x9000)));
  CHECK(CheckTarget(map, R(0x2000, 0x4000)).ok());
  CHECK(CheckTarget(map, R(0x3000, 0x9000)).error() == Error{Errc::kOverlap, 0x4000});
  CHECK(CheckTarget(map, R(0x1800, 0x4000)).error() == Error{Errc::kOverlap, 0x1800});
  map.Clear();
  CHECK(map.empty());
}

TEST_CASE("It is known whose pages another handover keeps too", "[mem][preserved-map]") {
  const auto from = [](std::uint64_t start, std::uint64_t end, std::uint8_t source) {
    return KeptRange{.range = R(start, end), .source = source};
  };
  const auto shared = [](const std::vector<KeptRange>& ranges) {
    Map map(ranges);
    REQUIRE(map.Seal().ok());
    std::vector<int> sources;
    for (int source = 0; source < 256; ++source) {
      if (map.IsShared(static_cast<std::uint8_t>(source))) sources.push_back(source);
    }
    map.Clear();
    CHECK_FALSE(map.IsShared(1));
    return sources;
  };
  CHECK(shared({}).empty());
  CHECK(shared({from(0x1000, 0x2000, 1), from(0x2000, 0x3000, 2)}).empty());
  // In one page, though no byte is shared.
  CHECK(shared({from(0x1000, 0x1800, 1), from(0x1800, 0x3000, 2)}) == std::vector<int>{1, 2});
  // One range meets another much later, past those of its own source and of a third.
  CHECK(shared({from(0x1000, 0x9000, 3), from(0xa000, 0xb000, 1), from(0xb000, 0xc000, 2), from(0x8000, 0x8100, 2)}) ==
        std::vector<int>{2, 3});
  CHECK(shared({from(0x1000, 0x2000, 255), from(0x1000, 0x2000, 0), from(0x4000, 0x5000, 7)}) ==
        std::vector<int>{0, 255});
  // Of three that meet, each is told.
  CHECK(shared({from(0x1000, 0x9000, 1), from(0x2000, 0x4000, 2), from(0x3000, 0x8000, 3)}) ==
        std::vector<int>{1, 2, 3});
}

TEST_CASE("Structures come in any order between memory that ascends", "[mem][preserved-map]") {
  // With room to set them aside, and without.
  for (const std::size_t room : {6, 8, 9, 20}) {
    INFO("room for " << room);
    std::vector<KeptRange> storage(room);
    PreservedMap kept(storage);
    const auto add = [&](std::uint64_t start, KeptKind kind) {
      REQUIRE(kept.Add({.range = R(start, start + 0x1000), .kind = kind}).ok());
    };
    add(0x9000, KeptKind::kStructure);
    add(0x1000, KeptKind::kMemory);
    add(0x3000, KeptKind::kMemory);
    add(0x5000, KeptKind::kStructure);
    add(0x7000, KeptKind::kMemory);
    add(0xb000, KeptKind::kMemory);
    REQUIRE(kept.Seal().ok());
    std::vector<PhysRange> ranges;
    for (const KeptRange& each : kept.view()) {
      ranges.push_back(each.range);
      const bool is_structure = each.range.start() == PhysAddr(0x5000) || each.range.start() == PhysAddr(0x9000);
      CHECK((each.kind == KeptKind::kStructure) == is_structure);
    }
    CHECK(ranges == std::vector{R(0x1000, 0x2000), R(0x3000, 0x4000), R(0x5000, 0x6000), R(0x7000, 0x8000),
                                R(0x9000, 0xa000), R(0xb000, 0xc000)});
  }
}

}  // namespace
}  // namespace holdfast
