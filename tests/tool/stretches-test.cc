// SPDX-License-Identifier: BSD-2-Clause
// A map cut into stretches, and the pictures of it.

#include "tools/mkhandover/stretches.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "tests/support/ranges.h"
#include "tools/mkhandover/map-source.h"
#include "tools/mkhandover/picture.h"

namespace holdfast::tool {
namespace {

PhysRange Range(std::uint64_t start, std::uint64_t end) {
  return PhysRange::FromStartEnd(PhysAddr(start), PhysAddr(end)).value();
}

std::vector<MemEntry> SmallMap() {
  return {{Range(0x0, 0x10000000), MemType::kUsable}, {Range(0x20000000, 0x30000000), MemType::kReserved}};
}

KeptPiece Kept(std::uint64_t start, std::uint64_t end) {
  return {.range = Range(start, end), .fence = Fence::kReserved, .name = "a", .owner = {}, .sha256 = {}};
}

std::string Draw(std::span<const Stretch> stretches, Terminal terminal) {
  std::ostringstream out;
  std::ostringstream err;
  Output output(out, err, {}, terminal);
  DrawInTerminal(stretches, output);
  return out.str();
}

TEST_CASE("Stretches cover everything from the first entry to the last", "[tool][stretches]") {
  const auto map = LayOut(SmallMap(), "map");
  const std::vector pieces = {Kept(0x4000000, 0x5000000), Kept(0xf000000, 0x11000000), Kept(0x21000000, 0x22000000)};
  const auto stretches = CutIntoStretches(map->map(), pieces);
  PhysAddr at;
  for (const Stretch& stretch : stretches) {
    CHECK(stretch.range.start() == at);
    at = stretch.range.end();
  }
  CHECK(at == PhysAddr(0x30000000));
  REQUIRE(stretches.size() == 8);
  CHECK(LabelOf(stretches[1]) == "kept a (reserved)");
  CHECK(stretches[3].range == Range(0xf000000, 0x11000000));  // one kept range, over RAM and over nothing
  CHECK(stretches[4].is_hole());
  CHECK(KeptBytes(stretches) == 0x1000000 + 0x2000000 + 0x1000000);
  CHECK(MemoryBytes(stretches) == 0x10000000 + 0x1000000 + 0x1000000);
}

TEST_CASE("A kept range can be seen however small it is", "[tool][stretches]") {
  const auto map = LayOut(std::vector<MemEntry>{{Range(0, 0x10000000000), MemType::kUsable}}, "map");
  const std::vector pieces = {Kept(0x1000, 0x2000)};
  const auto stretches = CutIntoStretches(map->map(), pieces);
  const std::string text = Draw(stretches, {.colours = false, .unicode = false});
  CHECK_THAT(text, Catch::StartsWith("1 TiB of memory, 4 KiB kept in 1 range\n|+..."));
  CHECK_THAT(text, Catch::Contains("0x0000000000001000       4 KiB  #  "));
  CHECK_THAT(Draw(stretches, {.colours = false, .unicode = true}), Catch::Contains("█"));
  CHECK_THAT(Draw(stretches, {.colours = true, .unicode = false}), Catch::Contains("\033[1;32m#\033[0m"));
}

TEST_CASE("Many kept ranges in one stretch of RAM share a row", "[tool][stretches]") {
  const auto map = LayOut(std::vector<MemEntry>{{Range(0, 0x80000000), MemType::kUsable}}, "map");
  std::vector<KeptPiece> pieces;
  for (std::uint64_t i = 0; i < 64; ++i) {
    pieces.push_back(Kept(i * 0x2000000, i * 0x2000000 + 0x200000));
  }
  const auto stretches = CutIntoStretches(map->map(), pieces);
  const std::string text = Draw(stretches, {});
  CHECK_THAT(text, Catch::Contains("usable, 128 MiB kept in 64 ranges"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 6);
}

TEST_CASE("The drawing is one document and escapes what it is told", "[tool][stretches]") {
  const auto map = LayOut(SmallMap(), "map");
  std::vector pieces = {Kept(0x4000000, 0x5000000)};
  pieces[0].name = "a<b>&\"c";
  const std::string svg = DrawAsSvg(CutIntoStretches(map->map(), pieces));
  CHECK_THAT(svg, Catch::StartsWith("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  CHECK_THAT(svg, Catch::EndsWith("</svg>\n"));
  CHECK_THAT(svg, Catch::Contains("a&lt;b&gt;&amp;&quot;c"));
  CHECK_THAT(svg, Catch::Contains("class=\"kept\""));
}

TEST_CASE("A map without memory has a picture too", "[tool][stretches]") {
  const auto map = LayOut(std::vector<MemEntry>{{Range(0, 0x1000), MemType::kReserved}}, "map");
  const auto stretches = CutIntoStretches(map->map(), {});
  CHECK_THAT(Draw(stretches, {}), Catch::StartsWith("0 B of memory, 0 B kept in 0 ranges\n"));
  CHECK_THAT(DrawAsSvg(stretches), Catch::EndsWith("</svg>\n"));
}

}  // namespace
}  // namespace holdfast::tool
