// SPDX-License-Identifier: BSD-2-Clause
// Memory that the kernel before this one kept, and that nobody needs any more.

#include "tools/mkhandover/store/released.h"

#include <catch2/catch.hpp>

#include <sstream>

#include "common/format/handover-v1.h"
#include "tests/support/plan-fixtures.h"
#include "tools/mkhandover/list-memory.h"
#include "tools/mkhandover/store/store.h"

namespace holdfast::tool {
namespace {

using Ranges = std::vector<PhysRange>;

PhysRange Mib(std::uint64_t start, std::uint64_t end) { return R(start * kMiB, end * kMiB); }

const Ranges kIndex = {Mib(20, 22)};
const Ranges kNode = {Mib(24, 28), Mib(30, 32)};
const Ranges kOwn = {Mib(40, 42)};
const Ranges kGuest = {Mib(50, 52)};
const Ranges kEarlier = {Mib(60, 62)};

// A boot whose stage kept all of these, and what it then reports.
struct Boot {
  std::string shell = "image";
  std::vector<HandoverV1Node> nodes = {{.name = kStoreNodeName, .owner = kStoreOwner, .ranges = kIndex, .sha256 = {}},
                                       {.name = "node", .owner = kStoreOwner, .ranges = kNode, .sha256 = {}},
                                       {.name = kOwnPageName, .owner = kOwnPageOwner, .ranges = kOwn, .sha256 = {}},
                                       {.name = "guest", .owner = {}, .ranges = kGuest, .sha256 = {}}};
  Ranges released = kEarlier;
  Ranges not_kept{};  // whose contents were lost
  std::vector<MemEntry> before{};
  std::vector<MemEntry> after{};
  std::uint64_t closed_bytes = 0;
  bool has_handover = true;
};

std::unique_ptr<ReportFile> ReportOf(const Boot& boot) {
  std::vector<std::byte> tree_storage(4096);
  const auto tree = EncodeHandoverV1(
      {.created_by = {}, .policy = {}, .preserved = boot.nodes, .scratch = {}, .ram = {}, .released = boot.released},
      tree_storage);
  REQUIRE(tree.ok());
  std::vector<KeptRange> kept;
  for (const HandoverV1Node& node : boot.nodes) {
    for (const PhysRange& range : node.ranges) {
      if (std::find(boot.not_kept.begin(), boot.not_kept.end(), range) == boot.not_kept.end()) {
        kept.push_back({.range = range});
      }
    }
  }
  BootReport report;
  report.version = "0.1.0";
  report.shell = boot.shell;
  report.mode = "fence";
  report.kept = kept;
  report.map_before = boot.before;
  report.map_after = boot.after;
  report.closed_bytes = boot.closed_bytes;
  if (boot.has_handover) report.handover = tree.value();
  std::vector<std::byte> storage(1 << 16);
  const auto bytes = EncodeBootReport(report, storage);
  REQUIRE(bytes.ok());
  return std::make_unique<ReportFile>(std::vector(bytes.value().begin(), bytes.value().end()), "report");
}

struct Found {
  Ranges ranges;
  std::string warnings;
};

Found Find(const Boot& boot, const ReleaseWish& wish) {
  std::ostringstream out;
  std::ostringstream err;
  Output output{out, err, {}, {}};
  const auto report = ReportOf(boot);
  return {ReleasedBy(*report, wish, output), err.str()};
}

Ranges Released(const Boot& boot, const ReleaseWish& wish) {
  const Found found = Find(boot, wish);
  CHECK(found.warnings.empty());
  return found.ranges;
}

}  // namespace

TEST_CASE("A store's handover releases what the store kept before, and every handover an old one's page",
          "[tool][released]") {
  CHECK(Released({}, {.with_store = true}) ==
        Ranges{Mib(20, 22), Mib(24, 28), Mib(30, 32), Mib(40, 42), Mib(60, 62)});
  CHECK(Released({}, {.with_store = false}) == Ranges{Mib(40, 42), Mib(60, 62)});
}

TEST_CASE("What others kept is not released, whatever its name", "[tool][released]") {
  Boot boot;
  boot.released = {};
  for (HandoverV1Node& node : boot.nodes) node.owner = "somebody";
  CHECK(Released(boot, {.with_store = true}).empty());
  boot.nodes.resize(1);
  boot.nodes[0].owner = kOwnPageOwner;  // but it is no handover's page
  CHECK(Released(boot, {.with_store = true}).empty());
}

TEST_CASE("What was not kept on the way into this kernel is not released", "[tool][released]") {
  Boot boot;
  boot.not_kept = {Mib(24, 28)};
  CHECK(Released(boot, {.with_store = true}) == Ranges{Mib(20, 22), Mib(30, 32), Mib(40, 42), Mib(60, 62)});
}

TEST_CASE("What is no fence in this kernel's map is released no more", "[tool][released]") {
  const test::TestMap map({{Mib(0, 21), MemType::kUsable},
                           {Mib(21, 25), MemType::kReserved},
                           {Mib(25, 26), MemType::kPram},
                           {Mib(26, 30), MemType::kPmem},
                           {Mib(30, 36), MemType::kNvs},
                           {Mib(60, 61), MemType::kReserved}});
  CHECK(Released({}, {.with_store = true, .map = &map.map()}) == Ranges{Mib(21, 22), Mib(24, 28), Mib(60, 61)});
}

TEST_CASE("Gaps that the stage had closed are released", "[tool][released]") {
  Boot boot;
  boot.before = {{Mib(0, 64), MemType::kUsable}, {Mib(64, 65), MemType::kReserved}};
  boot.after = {{Mib(0, 24), MemType::kUsable},
                {Mib(24, 32), MemType::kReserved},  // with [28, 30), which nobody keeps
                {Mib(32, 64), MemType::kUsable},
                {Mib(64, 65), MemType::kReserved}};
  CHECK(Released(boot, {.with_store = false}) == Ranges{Mib(40, 42), Mib(60, 62)});
  boot.closed_bytes = 2 * kMiB;
  CHECK(Released(boot, {.with_store = false}) == Ranges{Mib(28, 30), Mib(40, 42), Mib(60, 62)});
}

TEST_CASE("From firmware only what was kept is released", "[tool][released]") {
  Boot boot;
  boot.shell = "efi";
  boot.before = {{Mib(0, 64), MemType::kUsable}};
  boot.after = {{Mib(0, 64), MemType::kReserved}};
  boot.closed_bytes = 8 * kMiB;
  CHECK(Released(boot, {.with_store = true}) == Ranges{Mib(20, 22), Mib(24, 28), Mib(30, 32), Mib(40, 42)});
}

TEST_CASE("What a handover that is taken in releases counts as far as a store kept it", "[tool][released]") {
  CHECK(Released({}, {.handed_on = {Mib(23, 25), Mib(50, 51), Mib(61, 70)}}) ==
        Ranges{Mib(24, 25), Mib(40, 42), Mib(60, 62)});
}

TEST_CASE("A handover that cannot be read releases nothing", "[tool][released]") {
  Boot boot;
  boot.has_handover = false;
  CHECK(Released(boot, {.with_store = true}).empty());
  boot.has_handover = true;
  const Ranges twice = {Mib(24, 25)};
  boot.nodes.push_back({.name = "again", .owner = {}, .ranges = twice, .sha256 = {}});
  boot.nodes[3].ranges = twice;
  boot.not_kept = twice;
  const Found found = Find(boot, {.with_store = true});
  CHECK(found.ranges.empty());
  CHECK(found.warnings.find("what was kept before and is not any more stays fenced: the report's handover: ") !=
        std::string::npos);
}

}  // namespace holdfast::tool
