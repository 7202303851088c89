// SPDX-License-Identifier: BSD-2-Clause
// Where the handovers are.

#include "common/format/find-handovers.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "common/abi/setup-data.h"
#include "tests/support/plan-fixtures.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::Between;
using test::CheckError;
using test::TestMap;

const std::string kDigest(64, 'a');
const std::string kTree = "holdfast=0x200000,100," + kDigest;
const std::string kOtherTree = "holdfast=0x300000,100," + kDigest;

SetupDataNode Node(std::uint32_t type, std::uint64_t at) {
  return {.node = Between(at, at + 48), .payload = Between(at + 16, at + 48), .type = type, .indirect = {}};
}

struct Search {
  TestMap map{{{Between(0x100000, 0x4000000), MemType::kUsable},
               {Between(0x4000000, 0x5000000), MemType::kReservedKern},
               {Between(0x5000000, 0x6000000), MemType::kReserved},
               {Between(0x6000000, 0x7000000), MemType::kAcpi}}};
  std::string bundles_line;
  std::string loaders_line;
  std::optional<HandoverOption> bundle;
  std::vector<TreePlace> more_trees;
  std::vector<SetupDataNode> nodes;
  bool nodes_are_outside = false;
  FoundHandovers found;
  Problem problem;

  Status Run() {
    found.Clear();
    std::vector<TreePlace> trees;
    if (bundle) {
      trees.push_back({.option = *bundle});
    }
    trees.insert(trees.end(), more_trees.begin(), more_trees.end());
    return FindHandovers(
        {.trees = trees, .lines = {bundles_line, loaders_line}, .nodes = nodes, .nodes_are_outside = nodes_are_outside},
        map.map(), found, problem);
  }
  std::vector<Carrier> Carriers() {
    REQUIRE(Run().ok());
    std::vector<Carrier> out;
    for (const FoundHandover& each : found) {
      out.push_back(each.carrier);
    }
    return out;
  }
};

TEST_CASE("A tree lies in ACPI's tables only where firmware lists it", "[format][find-handovers]") {
  Search search;
  TreePlace tree = {.option = {Between(0x6000000, 0x6000100), {}}, .is_outside = true, .is_listed = true};
  const auto find = [&] {
    search.found.Clear();
    return FindHandovers({.trees = std::span(&tree, 1), .lines = {}, .nodes = {}}, search.map.map(), search.found,
                         search.problem);
  };
  REQUIRE(find().ok());
  REQUIRE(search.found.size() == 1);
  CHECK(search.found[0].carrier == Carrier::kTree);
  CHECK(search.found[0].is_outside);
  tree.is_listed = false;
  CheckError(find(), Errc::kUnreadable, 0x6000000);
  CHECK(search.problem.what == "handover");
  tree = {.option = {Between(0x6ffffff, 0x7000001), {}}, .is_outside = true, .is_listed = true};
  CheckError(find(), Errc::kUnreadable, 0x7000000);
}

TEST_CASE("Nothing is found where there is nothing", "[format][find-handovers]") {
  Search search;
  search.bundles_line = "ro quiet";
  search.nodes = {Node(kSetupRngSeed, 0x1000000), Node(kSetupEfi, 0x1001000)};
  CHECK(search.Carriers().empty());
}

TEST_CASE("Handovers are found in the order in which they count", "[format][find-handovers]") {
  Search search;
  search.bundle = HandoverOption{Between(0x400000, 0x401000), {}};
  search.bundles_line = "pkram=500 prmem_meta=0x0000000000700000 " + kTree;
  search.loaders_line = kOtherTree + " pmpool=64M,16M";
  search.nodes = {Node(kSetupDtb, 0x1000000), Node(kSetupKexecKho, 0x1001000)};
  CHECK(search.Carriers() == std::vector<Carrier>{Carrier::kTree, Carrier::kTree, Carrier::kTree, Carrier::kDeviceTree,
                                                  Carrier::kKhoNode, Carrier::kPkram, Carrier::kPmpool,
                                                  Carrier::kPrmem});
  CHECK(search.found[0].at == Between(0x400000, 0x401000));
  CHECK(search.found[1].at == Between(0x200000, 0x200064));
  CHECK(search.found[2].at == Between(0x300000, 0x300064));
  CHECK(search.found[3].at == Between(0x1000010, 0x1000030));
  CHECK(search.found[4].at == Between(0x1001010, 0x1001030));
  CHECK(search.found[4].bitmaps == KhoBitmaps::kUnknown);
  CHECK(search.found[5].at == Between(0x500000, 0x501000));
  CHECK(search.found[6].at == Between(0x4000000, 0x5000000));
  CHECK(search.found[7].at == Between(0x700000, 0x701000));
  CHECK(search.found[7].prmem.metadata == PhysAddr(0x700000));
}

TEST_CASE("Trees that the shell has found come first, in its order", "[format][find-handovers]") {
  Search search;
  search.more_trees = {{.option = {Between(0x700000, 0x701000), {}}, .is_outside = false},
                       {.option = {Between(0x400000, 0x401000), {}}, .is_outside = true},
                       {.option = {Between(0x600000, 0x601000), {}}, .is_outside = true}};
  search.bundles_line = kTree;
  CHECK(search.Carriers() == std::vector<Carrier>(4, Carrier::kTree));
  CHECK(search.found[0].at == Between(0x700000, 0x701000));
  CHECK_FALSE(search.found[0].is_outside);
  CHECK(search.found[1].at == Between(0x400000, 0x401000));
  CHECK(search.found[1].is_outside);
  CHECK(search.found[2].at == Between(0x600000, 0x601000));
  CHECK(search.found[2].is_outside);
  CHECK(search.found[3].at == Between(0x200000, 0x200064));
  CHECK_FALSE(search.found[3].is_outside);
}

TEST_CASE("What comes from outside takes no trust from the same tree on a line", "[format][find-handovers]") {
  Search search;
  FixedVector<HandoverOption, kMaxHandoverOptions> named;
  REQUIRE(FindHandoverOptions(kTree, named).ok());
  search.more_trees = {{.option = named[0], .is_outside = true}};
  REQUIRE(search.Carriers() == std::vector<Carrier>{Carrier::kTree});
  CHECK(search.found[0].is_outside);
  search.bundles_line = kTree;
  REQUIRE(search.Carriers() == std::vector<Carrier>{Carrier::kTree});
  CHECK_FALSE(search.found[0].is_outside);
  // Nor in the other order.
  search.bundles_line = {};
  search.more_trees = {{.option = named[0], .is_outside = false}, {.option = named[0], .is_outside = true}};
  REQUIRE(search.Carriers() == std::vector<Carrier>{Carrier::kTree});
  CHECK_FALSE(search.found[0].is_outside);
}

TEST_CASE("Nodes come from outside if the shell says so, and lines do not", "[format][find-handovers]") {
  Search search;
  search.bundles_line = kTree;
  search.nodes = {Node(kSetupDtb, 0x1000000), Node(kSetupKexecKho, 0x1001000)};
  search.nodes_are_outside = GENERATE(false, true);
  REQUIRE(search.Carriers() == std::vector<Carrier>{Carrier::kTree, Carrier::kDeviceTree, Carrier::kKhoNode});
  CHECK_FALSE(search.found[0].is_outside);
  CHECK(search.found[1].is_outside == search.nodes_are_outside);
  CHECK(search.found[2].is_outside == search.nodes_are_outside);
}

TEST_CASE("What both lines name is found once", "[format][find-handovers]") {
  Search search;
  search.bundles_line = search.loaders_line = kTree + " pkram=500 pmpool=64M,16M prmem_meta=0x700000";
  CHECK(search.Carriers() == std::vector<Carrier>{Carrier::kTree, Carrier::kPkram, Carrier::kPmpool, Carrier::kPrmem});
}

TEST_CASE("Of pkram=, pmpool= and prmem_meta= the last that stands on a line counts", "[format][find-handovers]") {
  Search search;
  search.bundles_line = "pkram=zz pmpool=1 prmem=64M prmem_meta=7";
  search.loaders_line = "pkram=501 pmpool=64M,16M prmem_meta=0x700000";
  CHECK(search.Carriers() == std::vector<Carrier>{Carrier::kPkram, Carrier::kPmpool, Carrier::kPrmem});
  CHECK(search.found[0].at == Between(0x501000, 0x502000));
  CHECK(search.found[2].prmem.metadata == PhysAddr(0x700000));
  CHECK(search.found[2].prmem.size == 0x4000000);
  search.loaders_line = "pkram=0 pmpool=64M,16M prmem_meta=0";
  CHECK(search.Carriers() == std::vector<Carrier>{Carrier::kPmpool});
  // What "--" hides on the one line is no option of the other.
  search.bundles_line = "pkram=500 pmpool=64M,16M";
  search.loaders_line = "-- pkram=501";
  REQUIRE(search.Carriers() == std::vector<Carrier>{Carrier::kPkram, Carrier::kPmpool});
  CHECK(search.found[0].at == Between(0x500000, 0x501000));
}

TEST_CASE("What an earlier stage has fenced is found, and marked as that", "[format][find-handovers]") {
  Search search;
  search.loaders_line = "pkram=5fff pmpool=80M,16M prmem_meta=0x5000000";
  CHECK(search.Carriers() == std::vector<Carrier>{Carrier::kPkram, Carrier::kPmpool, Carrier::kPrmem});
  for (const FoundHandover& each : search.found) {
    CHECK(each.is_fenced);
  }
  search.loaders_line = "pkram=500 pmpool=64M,16M prmem_meta=0x6000000";
  REQUIRE(search.Carriers().size() == 3);
  for (const FoundHandover& each : search.found) {
    CHECK_FALSE(each.is_fenced);
  }
}

TEST_CASE("A pool of which only a part is marked is refused", "[format][find-handovers]") {
  Search search;
  search.bundles_line = "pmpool=60M,8M";
  CheckError(search.Run(), Errc::kNotRam, 0x3c00000);
  CHECK(search.problem.what == "pmpool");
  CHECK(search.problem.range == Between(0x3c00000, 0x4400000));
  CHECK(search.problem.type == MemType::kUsable);
  search.bundles_line = "pmpool=64M,32M";
  CheckError(search.Run(), Errc::kNotRam, 0x5000000);
  CHECK(search.problem.type == MemType::kReserved);
}

TEST_CASE("A pool that nothing marks is new, and keeps nothing", "[format][find-handovers]") {
  Search search;
  search.bundles_line = GENERATE("pmpool=32M,16M", "pmpool=92M,8M");
  CHECK(search.Carriers().empty());
}

TEST_CASE("A line says how large kho-v1's bitmaps are", "[format][find-handovers]") {
  CHECK(FindKhoBitmapsOption("ro quiet").value() == KhoBitmaps::kUnknown);
  CHECK(FindKhoBitmapsOption("ro holdfast.kho-bitmaps=512").value() == KhoBitmaps::k512);
  CHECK(FindKhoBitmapsOption("holdfast.kho_bitmaps=4096 ro").value() == KhoBitmaps::k4096);
  CheckError(FindKhoBitmapsOption("ro holdfast.kho-bitmaps=1024"), Errc::kMalformed, 3);
  CheckError(FindKhoBitmapsOption("ro holdfast.kho-bitmaps"), Errc::kMalformed, 3);

  Search search;
  search.nodes = {Node(kSetupKexecKho, 0x1001000)};
  search.loaders_line = "ro holdfast.kho-bitmaps=512";
  REQUIRE(search.Run().ok());
  CHECK(search.found[0].bitmaps == KhoBitmaps::k512);
  search.bundles_line = search.loaders_line;
  REQUIRE(search.Run().ok());
  search.bundles_line = "holdfast.kho-bitmaps=4096";
  CheckError(search.Run(), Errc::kConflict, 3);
  CHECK(search.problem.what == "holdfast.kho-bitmaps=");
  search.bundles_line = "quiet holdfast.kho-bitmaps=0";
  CheckError(search.Run(), Errc::kMalformed, 6);
}

TEST_CASE("Two KHO nodes, or many device trees, are refused", "[format][find-handovers]") {
  Search search;
  search.nodes = {Node(kSetupKexecKho, 0x1001000), Node(kSetupKexecKho, 0x1002000)};
  CheckError(search.Run(), Errc::kUnsupported, 0);
  CHECK(search.problem.what == "second KHO handover");
  CHECK(search.problem.range == search.nodes[1].node);
  search.nodes = {Node(kSetupDtb, 0x1001000), Node(kSetupDtb, 0x1002000), Node(kSetupDtb, 0x1003000)};
  CHECK(search.Carriers() == std::vector<Carrier>(kMaxDeviceTrees, Carrier::kDeviceTree));
  search.loaders_line = "pmpool=32M,16M";
  CheckError(search.Run(), Errc::kTableFull, kMaxDeviceTrees);
}

TEST_CASE("A tree may lie in RAM or behind a fence, and nowhere else", "[format][find-handovers]") {
  Search search;
  search.bundle = HandoverOption{Between(0x5000000, 0x5001000), {}};
  CHECK(search.Carriers().size() == 1);
  search.bundle = HandoverOption{Between(0x5fff000, 0x6001000), {}};
  CheckError(search.Run(), Errc::kUnreadable, 0x6000000);
  CHECK(search.problem.what == "handover");
  CHECK(search.problem.range == search.bundle->range);
  search.bundle = HandoverOption{Between(0x8000000, 0x8001000), {}};
  CheckError(search.Run(), Errc::kUnreadable, 0x8000000);
}

TEST_CASE("An option that does not read is refused by its name", "[format][find-handovers]") {
  struct Case {
    const char* line;
    const char* what;
  };
  const auto c = GENERATE(
      Case{"ro holdfast=1", "holdfast= on the command line"}, Case{"ro pkram=z", "pkram= on the command line"},
      Case{"ro pmpool=1M", "pmpool= on the command line"}, Case{"ro prmem_meta=7", "prmem_meta= on the command line"});
  Search search;
  (GENERATE(true, false) ? search.bundles_line : search.loaders_line) = c.line;
  CheckError(search.Run(), Errc::kMalformed, 3);
  CHECK(search.problem.what == c.what);
}

}  // namespace
}  // namespace holdfast
