// SPDX-License-Identifier: BSD-2-Clause
// Memory that was kept once, and goes back to the system.

#include "common/plan/release.h"

#include <catch2/catch.hpp>

#include <optional>
#include <vector>

#include "tests/support/plan-fixtures.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using Entries = std::vector<MemEntry>;

constexpr MemType kUsable = MemType::kUsable;
constexpr MemType kReserved = MemType::kReserved;

PhysRange Mib(std::uint64_t start, std::uint64_t end) { return R(start * kMiB, end * kMiB); }

struct Case {
  Entries memory;
  std::vector<PhysRange> released;
  std::vector<PhysRange> was_ram{R(0, 1024 * kMiB)};
  std::vector<PhysRange> kept{};
  std::size_t capacity = 16;
};

struct Released {
  std::optional<Error> error;
  Entries map;
};

Released Release(const Case& c) {
  const test::TestMap map(c.memory);
  std::vector<test::Kept> kept_ranges;
  for (const PhysRange& range : c.kept) kept_ranges.push_back({range});
  test::TestKept kept(kept_ranges);
  test::TestSet none({});
  test::TestSet was_ram(c.was_ram);
  test::TestSet released(c.released);
  const Handover handover(kept.map(), none.set(), was_ram.set(), &released.set());
  Entries storage(c.capacity);
  MemoryMap out(storage);
  const Status status = ReleaseMemory(map.map(), handover, out);
  return {ErrorOf(status), List(out.view())};
}

// RAM up to 64 MiB, of which [16, 24) is fenced by `type`.
Entries FencedAs(MemType type) { return {{Mib(0, 16), kUsable}, {Mib(16, 24), type}, {Mib(24, 64), kUsable}}; }

}  // namespace

TEST_CASE("A fence of whatever type goes when its memory is released", "[plan][release]") {
  const MemType type = GENERATE(MemType::kReserved, MemType::kPmem, MemType::kPram);
  CHECK(Release({FencedAs(type), {Mib(16, 24)}}).map == Entries{{Mib(0, 64), kUsable}});
  CHECK(Release({FencedAs(type), {Mib(18, 20)}}).map == Entries{{Mib(0, 16), kUsable},
                                                                {Mib(16, 18), type},
                                                                {Mib(18, 20), kUsable},
                                                                {Mib(20, 24), type},
                                                                {Mib(24, 64), kUsable}});
}

TEST_CASE("What no fence of ours could be stays, whatever is released", "[plan][release]") {
  const MemType type = GENERATE(MemType::kAcpi, MemType::kNvs, MemType::kUnusable, MemType::kReservedKern,
                                MemType::kSoftReserved, MemType{20});
  CHECK(Release({FencedAs(type), {Mib(0, 64)}}).map == FencedAs(type));
}

TEST_CASE("A hole stays a hole, though it is released", "[plan][release]") {
  const Entries memory{{Mib(0, 16), kUsable}, {Mib(24, 32), kReserved}, {Mib(40, 64), kUsable}};
  CHECK(Release({memory, {Mib(0, 64)}}).map ==
        Entries{{Mib(0, 16), kUsable}, {Mib(24, 32), kUsable}, {Mib(40, 64), kUsable}});
}

TEST_CASE("What was never RAM does not become RAM", "[plan][release]") {
  CHECK(Release({.memory = FencedAs(kReserved), .released = {Mib(0, 64)}, .was_ram = {}}).map == FencedAs(kReserved));
  CHECK(Release({.memory = FencedAs(kReserved), .released = {Mib(0, 64)}, .was_ram = {Mib(0, 18), Mib(20, 21)}}).map ==
        Entries{{Mib(0, 18), kUsable},
                {Mib(18, 20), kReserved},
                {Mib(20, 21), kUsable},
                {Mib(21, 24), kReserved},
                {Mib(24, 64), kUsable}});
}

TEST_CASE("What is kept is not released", "[plan][release]") {
  CHECK(Release({.memory = FencedAs(kReserved), .released = {Mib(0, 64)}, .kept = {Mib(16, 24)}}).map ==
        FencedAs(kReserved));
  CHECK(Release({.memory = FencedAs(kReserved), .released = {Mib(16, 24)}, .kept = {Mib(14, 17), Mib(20, 22)}}).map ==
        Entries{{Mib(0, 16), kUsable},
                {Mib(16, 17), kReserved},
                {Mib(17, 20), kUsable},
                {Mib(20, 22), kReserved},
                {Mib(22, 64), kUsable}});
}

TEST_CASE("Only whole pages become RAM", "[plan][release]") {
  const std::uint64_t at = 16 * kMiB;
  const PhysRange page = R(at + kPageSize, at + 2 * kPageSize);
  CHECK(Release({FencedAs(kReserved), {R(at + 1, at + 2 * kPageSize + 1)}}).map ==
        Entries{{Mib(0, 16), kUsable},
                {R(at, page.start().raw()), kReserved},
                {page, kUsable},
                {R(page.end().raw(), 24 * kMiB), kReserved},
                {Mib(24, 64), kUsable}});
  CHECK(Release({FencedAs(kReserved), {R(at + 1, at + 2 * kPageSize - 1)}}).map == FencedAs(kReserved));
}

TEST_CASE("A map without released memory is copied as it is", "[plan][release]") {
  CHECK(Release({FencedAs(kReserved), {}}).map == FencedAs(kReserved));
  test::TestKept kept({});
  test::TestSet none({});
  const test::TestMap map(FencedAs(kReserved));
  Entries storage(3);
  MemoryMap out(storage);
  REQUIRE(ReleaseMemory(map.map(), Handover(kept.map(), none.set(), none.set()), out).ok());
  CHECK(List(out.view()) == FencedAs(kReserved));
}

TEST_CASE("Where there is no room for what is released, all stays fenced", "[plan][release]") {
  const Case c{.memory = FencedAs(kReserved), .released = {Mib(17, 18), Mib(20, 21)}, .capacity = 6};
  const Released tight = Release(c);
  CHECK_FALSE(tight.error);
  CHECK(tight.map == FencedAs(kReserved));
  Case roomy = c;
  roomy.capacity = 7;
  CHECK(Release(roomy).map.size() == 7);
  Case full = c;
  full.capacity = 2;
  CHECK(Release(full).error == Error{Errc::kTableFull, 2});
}

// A plan on it would be refused for want of entries, which fences of these types do not give up.
TEST_CASE("Where the next kernel's map would have no room, all stays fenced", "[plan][release]") {
  constexpr std::uint64_t kPieces = BootInputs::kDefaultEntryBudget / 2;
  Case c{.memory = {{Mib(16, 16 + 2 * kPieces), MemType::kPram}}, .released = {}, .was_ram = {Mib(0, 8192)}};
  c.capacity = 4 * kPieces;
  for (std::uint64_t i = 0; i < kPieces; ++i) {
    c.kept.push_back(Mib(16 + 2 * i, 17 + 2 * i));
    c.released.push_back(Mib(17 + 2 * i, 18 + 2 * i));
  }
  CHECK(Release(c).map.size() == 2 * kPieces);
  // One more that is kept, in RAM, would have to be fenced.
  c.memory.push_back({Mib(4096, 4100), kUsable});
  c.kept.push_back(Mib(4097, 4098));
  CHECK(Release(c).map == c.memory);
}

}  // namespace holdfast
