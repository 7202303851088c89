// SPDX-License-Identifier: BSD-2-Clause
// Pages of a store that lie elsewhere than its index or a handover says, on values.

#include "tools/mkhandover/store/store-check.h"

#include <catch2/catch.hpp>

#include "tests/support/ranges.h"

namespace holdfast::tool {
namespace {

KeptByName Kept(std::initializer_list<std::pair<const char*, PhysRange>> all) {
  std::vector<KeptPiece> pieces;
  for (const auto& [name, range] : all) {
    pieces.push_back({.range = range, .name = name, .owner = {}, .sha256 = {}});
  }
  return KeptByName(pieces);
}

FilePlace Place(std::vector<PhysRange> recorded, std::vector<PhysRange> now) {
  return {.node = "vm", .file = "/huge/vm", .recorded = std::move(recorded), .now = std::move(now)};
}

std::string Found(const FilePlace& place, const KeptByName& kept) {
  const auto moved = FindMoved(place, kept);
  return moved ? DescribeMoved(*moved) : "";
}

TEST_CASE("A file that lies where index and handover have it is fine", "[tool][store-check]") {
  const KeptByName kept = Kept({{"vm", R(0x1000, 0x3000)}, {"vm", R(0x3000, 0x5000)}, {"store", R(0x9000, 0xa000)}});
  CHECK(Found(Place({R(0x1000, 0x5000)}, {R(0x1000, 0x5000)}), kept).empty());
  CHECK(Found(Place({R(0x3000, 0x5000), R(0x1000, 0x2000)}, {R(0x3000, 0x5000), R(0x1000, 0x2000)}), kept).empty());
  // One says it in more pieces than the other.
  CHECK(Found(Place({R(0x1000, 0x2000), R(0x2000, 0x5000)}, {R(0x1000, 0x5000)}), kept).empty());
}

TEST_CASE("The first page that has moved is named, with where it was", "[tool][store-check]") {
  const KeptByName kept = Kept({{"vm", R(0x1000, 0x5000)}});
  CHECK(Found(Place({R(0x1000, 0x5000)}, {R(0x1000, 0x3000), R(0x8000, 0xa000)}), kept) ==
        "moved: vm: /huge/vm from offset 0x2000 on was at 0x3000 and lies at [0x8000, 0xa000), which the handover does "
        "not keep");
  // Two pages have changed places: all is kept, but the index would give back one for the other.
  CHECK(Found(Place({R(0x1000, 0x3000)}, {R(0x2000, 0x3000), R(0x1000, 0x2000)}), kept) ==
        "moved: vm: /huge/vm from offset 0x0 on was at 0x1000 and lies at [0x2000, 0x3000)");
  // A page later on is kept nowhere, too; the first one counts.
  CHECK(Found(Place({R(0x1000, 0x4000)}, {R(0x1000, 0x2000), R(0x3000, 0x4000), R(0x9000, 0xa000)}), kept) ==
        "moved: vm: /huge/vm from offset 0x1000 on was at 0x2000 and lies at [0x3000, 0x4000)");
}

TEST_CASE("What the handover does not keep under the node's name is named", "[tool][store-check]") {
  const FilePlace place = Place({R(0x1000, 0x5000)}, {R(0x1000, 0x5000)});
  CHECK(Found(place, Kept({{"vm", R(0x1000, 0x3000)}})) ==
        "moved: vm: /huge/vm from offset 0x2000 on lies at [0x3000, 0x5000), which the handover does not keep");
  CHECK(Found(place, Kept({{"vm", R(0x2000, 0x5000)}})) ==
        "moved: vm: /huge/vm from offset 0x0 on lies at [0x1000, 0x5000), which the handover does not keep");
  CHECK(Found(place, Kept({{"other", R(0x1000, 0x5000)}})) ==
        "moved: vm: /huge/vm from offset 0x0 on lies at [0x1000, 0x5000), which the handover does not keep");
}

TEST_CASE("A file of another size is no file that has moved", "[tool][store-check]") {
  const KeptByName kept = Kept({{"vm", R(0x1000, 0x5000)}});
  CHECK(Found(Place({R(0x1000, 0x5000)}, {R(0x1000, 0x3000)}), kept) ==
        "resized: vm: /huge/vm was 16 KiB when it was kept and is 8 KiB now");
}

TEST_CASE("Each file of which there is something to say has one line", "[tool][store-check]") {
  const KeptByName kept = Kept({{"vm", R(0x1000, 0x5000)}});
  const FilePlace fine = Place({R(0x1000, 0x2000)}, {R(0x1000, 0x2000)});
  const FilePlace moved = Place({R(0x2000, 0x4000)}, {R(0x7000, 0x9000)});
  const auto all = FindMoved(std::vector{moved, fine, moved}, kept);
  REQUIRE(all.size() == 2);
  CHECK(all[0].from == PhysAddr(0x2000));
  CHECK(all[1].to == R(0x7000, 0x9000));
  CHECK_FALSE(all[1].is_kept);
}

}  // namespace
}  // namespace holdfast::tool
