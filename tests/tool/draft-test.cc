// SPDX-License-Identifier: BSD-2-Clause
// A handover that is being put together, and read again.

#include "tools/mkhandover/draft.h"

#include <catch2/catch.hpp>

#include "common/plan/stage-limits.h"
#include "tests/support/ranges.h"
#include "tests/tool/scratch-folder.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"

namespace holdfast::tool {
namespace {

PhysRange Range(std::uint64_t start, std::uint64_t size) {
  return PhysRange::FromStartSize(PhysAddr(start), size).value();
}

PreserveOption Keep(std::string name, PhysRange range, Fence fence = Fence::kReserved, std::string owner = {}) {
  return {.range = range, .name = std::move(name), .fence = fence, .owner = std::move(owner)};
}

Draft::Node Node(std::string name, std::vector<PhysRange> ranges) {
  return {.name = std::move(name), .owner = {}, .fence = Fence::kReserved, .ranges = std::move(ranges), .sha256 = {}};
}

HandoverFile Read(Draft& draft) {
  draft.Finish();
  return HandoverFile(draft.Encode(), "draft");
}

ExitCode FinishCode(Draft& draft) {
  try {
    draft.Finish();
    return ExitCode::kFine;
  } catch (const Failure& failure) {
    return failure.code();
  }
}

TEST_CASE("What a draft says is what its reader finds", "[tool][draft]") {
  Draft draft;
  draft.generation = 3;
  draft.policy = {.on_refusal = OnRefusal::kHalt, .refusal_delay_seconds = 7, .kaslr = false};
  draft.AddNamed(Keep("db", Range(0x30000000, 0x200000), Fence::kHeld, "pg"));
  draft.AddNamed(Keep("guest0", Range(0x12000000, 0x200000)));
  draft.AddNamed(Keep("guest0", Range(0x10000000, 0x200000)));
  draft.AddNamed(Keep("guest0", Range(0x10200000, 0x200000)));
  draft.AddScratch(Range(0x1000000, 0x1000000));
  draft.AddRam(Range(0x100000, 0x7ff00000));
  draft.AddRam(Range(0x30000000, 0x1000));
  const HandoverFile file = Read(draft);

  CHECK(file.handover().generation == 3);
  CHECK(file.handover().policy.on_refusal == OnRefusal::kHalt);
  CHECK(file.handover().policy.refusal_delay_seconds == 7);
  CHECK_FALSE(file.handover().policy.kaslr);
  CHECK(file.created_by() == "mkhandover 0.1.0");
  REQUIRE(file.pieces().size() == 3);
  CHECK(file.pieces()[0].range == Range(0x10000000, 0x400000));
  CHECK(file.pieces()[0].name == "guest0");
  CHECK(file.pieces()[1].range == Range(0x12000000, 0x200000));
  CHECK(file.pieces()[2].name == "db");
  CHECK(file.pieces()[2].owner == "pg");
  CHECK(file.pieces()[2].fence == Fence::kHeld);
  CHECK(file.handover().scratch.bytes() == 0x1000000);
  REQUIRE(file.handover().ram.view().size() == 1);
  CHECK(draft.num_ranges() == 3);
  CHECK(draft.bytes() == 0x800000);
}

TEST_CASE("A name that is taken gets a number", "[tool][draft]") {
  Draft draft;
  draft.Reserve(Draft::kOwnName);
  CHECK(draft.AddUnique(Node("guest", {Range(0x1000, 0x1000)})) == "guest");
  CHECK(draft.AddUnique(Node("guest", {Range(0x3000, 0x1000)})) == "guest-2");
  CHECK(draft.AddUnique(Node("guest", {Range(0x5000, 0x1000)})) == "guest-3");
  CHECK(draft.AddUnique(Node("handover", {Range(0x7000, 0x1000)})) == "handover-2");
  const std::string longest(31, 'n');
  CHECK(draft.AddUnique(Node(longest, {Range(0x9000, 0x1000)})) == longest);
  CHECK(draft.AddUnique(Node(longest, {Range(0xb000, 0x1000)})) == std::string(29, 'n') + "-2");
}

TEST_CASE("One name cannot have two fences or two owners", "[tool][draft]") {
  Draft draft;
  draft.AddNamed(Keep("a", Range(0x1000, 0x1000)));
  CHECK_THROWS_AS(draft.AddNamed(Keep("a", Range(0x3000, 0x1000), Fence::kPmem)), Failure);
  CHECK_THROWS_AS(draft.AddNamed(Keep("a", Range(0x3000, 0x1000), Fence::kReserved, "me")), Failure);
}

TEST_CASE("Kept ranges may touch, not overlap", "[tool][draft]") {
  struct Case {
    const char* name;
    PhysRange second;
    ExitCode code;
  };
  const auto c = GENERATE(Case{"touching", Range(0x11000, 0x1000), ExitCode::kFine},
                          Case{"one byte", Range(0x10fff, 0x1000), ExitCode::kOverlap},
                          Case{"the same", Range(0x10000, 0x1000), ExitCode::kOverlap});
  INFO(c.name);
  for (const char* name : {"a", "b"}) {  // within one name and across two
    Draft draft;
    draft.AddNamed(Keep("a", Range(0x10000, 0x1000)));
    draft.AddNamed(Keep(name, c.second));
    CHECK(FinishCode(draft) == c.code);
  }
}

TEST_CASE("What is released is all of it that is not kept", "[tool][draft]") {
  Draft draft;
  draft.AddNamed(Keep("a", Range(0x10000000, 0x200000)));
  draft.AddRam(Range(0x100000, 0x7ff00000));
  draft.Release({Range(0x10400000, 0x1000), Range(0xffff000, 0x2000), Range(0x101ff000, 0x2000)});
  const HandoverFile file = Read(draft);
  CHECK(List(file.handover().released->view()) ==
        std::vector{Range(0xffff000, 0x1000), Range(0x10200000, 0x1000), Range(0x10400000, 0x1000)});

  // What comes later is kept as well.
  draft.AddUnique(Node("b", {Range(0x10400000, 0x1000)}));
  CHECK(Read(draft).handover().released->bytes() == 0x2000);
}

TEST_CASE("Without a record of RAM nothing is released", "[tool][draft]") {
  Draft draft;
  draft.AddNamed(Keep("a", Range(0x10000000, 0x200000)));
  draft.Release({Range(0x10400000, 0x1000)});
  CHECK(Read(draft).handover().released->view().empty());
}

TEST_CASE("Of more than the stage holds the largest is released", "[tool][draft]") {
  Draft draft;
  draft.AddNamed(Keep("a", Range(0x10000000, 0x200000)));
  draft.AddRam(Range(0x100000, 0x7ff00000));
  std::vector<PhysRange> ranges;
  for (std::uint64_t i = 0; i < kMaxReleasedRanges + 1; ++i) {
    ranges.push_back(Range(0x20000000 + i * 0x4000, i == 7 ? 0x1000 : 0x2000));
  }
  draft.Release(ranges);
  ranges.erase(ranges.begin() + 7);
  CHECK(List(Read(draft).handover().released->view()) == ranges);
  CHECK(draft.still_fenced() == 0x1000);
}

TEST_CASE("The page of a handover that is taken in is not kept, another page of that name is", "[tool][draft]") {
  Draft first;
  first.AddNamed(Keep("a", Range(0x10000000, 0x200000)));
  first.AddUnique({.name = std::string(Draft::kOwnName),
                   .owner = std::string(kOwnPageOwner),
                   .fence = Fence::kReserved,
                   .ranges = {Range(0x12000000, 0x200000)},
                   .sha256 = {}});
  Draft second;
  second.AddNamed(Keep("handover", Range(0x14000000, 0x200000), Fence::kReserved, "me"));
  Draft both;
  both.Merge(Read(first));
  both.Merge(Read(second));
  REQUIRE(both.nodes().size() == 2);
  CHECK(both.nodes()[0].name == "a");
  CHECK(both.nodes()[1].name == "handover");
  CHECK(both.nodes()[1].ranges == std::vector{Range(0x14000000, 0x200000)});
}

namespace {

Draft DraftOfStore(std::uint64_t index, std::uint64_t node) {
  Draft draft;
  draft.AddUnique({.name = std::string(kStoreNodeName),
                   .owner = std::string(kStoreOwner),
                   .fence = Fence::kReserved,
                   .ranges = {Range(index, 0x200000)},
                   .sha256 = {}});
  draft.AddUnique({.name = "vm",
                   .owner = std::string(kStoreOwner),
                   .fence = Fence::kReserved,
                   .ranges = {Range(node, 0x200000)},
                   .sha256 = {}});
  draft.AddNamed(Keep("guest", Range(index + 0x400000, 0x200000), Fence::kReserved, "me"));
  return draft;
}

std::vector<std::string> NamesAndOwners(const Draft& draft) {
  std::vector<std::string> out;
  for (const Draft::Node& node : draft.nodes()) out.push_back(node.name + " " + node.owner);
  return out;
}

}  // namespace

TEST_CASE("A store that comes by itself is not taken in as well", "[tool][draft]") {
  Draft first = DraftOfStore(0x10000000, 0x18000000);
  const std::vector<PhysRange> index = {Range(0xfe00000, 0x600000)};
  Draft draft;
  draft.Merge(Read(first), index);
  CHECK(NamesAndOwners(draft) == std::vector<std::string>{"guest me"});
}

TEST_CASE("Of two stores only the first has the name and the owner by which it is found", "[tool][draft]") {
  const std::string owner(kStoreOwner);
  Draft first = DraftOfStore(0x10000000, 0x18000000);
  Draft second = DraftOfStore(0x20000000, 0x28000000);
  Draft both;
  both.Merge(Read(first));
  CHECK(NamesAndOwners(both) == std::vector<std::string>{"store " + owner, "guest me", "vm " + owner});
  both.Merge(Read(second));
  CHECK(NamesAndOwners(both) ==
        std::vector<std::string>{"store " + owner, "guest me", "vm " + owner, "other-store ", "guest-2 me", "vm-2 "});
  Draft beside;
  const std::vector<PhysRange> index = {Range(0x40000000, 0x200000)};
  beside.Merge(Read(second), index);
  CHECK(NamesAndOwners(beside) == std::vector<std::string>{"other-store ", "guest me", "vm "});
}

TEST_CASE("Nothing is kept in scratch", "[tool][draft]") {
  Draft draft;
  draft.AddNamed(Keep("a", Range(0x10000, 0x1000)));
  draft.AddScratch(Range(0x8000, 0x8001));
  CHECK(FinishCode(draft) == ExitCode::kOverlap);
}

TEST_CASE("A merged handover keeps its ranges, and its names where they are free", "[tool][draft]") {
  Draft first;
  first.policy.kaslr = false;
  first.AddUnique(Node("handover", {Range(0x200000, 0x200000)}));
  first.AddUnique(Node("handover-2", {Range(0x600000, 0x200000)}));
  first.AddNamed(Keep("guest", Range(0xa00000, 0x1000), Fence::kPram, "me"));
  first.AddRam(Range(0x100000, 0x1000000));
  const HandoverFile before = Read(first);

  Draft draft;
  draft.Reserve(Draft::kOwnName);
  draft.Merge(before);
  draft.Reserve({});
  CHECK(draft.AddUnique(Node("handover", {Range(0xe00000, 0x200000)})) == "handover");
  const HandoverFile after = Read(draft);
  REQUIRE(after.pieces().size() == 4);
  CHECK(after.pieces()[0].name == "handover-3");
  CHECK(after.pieces()[1].name == "handover-2");
  CHECK(after.pieces()[2].name == "guest");
  CHECK(after.pieces()[2].fence == Fence::kPram);
  CHECK(after.pieces()[2].owner == "me");
  CHECK(after.pieces()[3].name == "handover");
  CHECK_FALSE(after.handover().policy.kaslr);
  CHECK(after.handover().ram.bytes() == 0x1000000);
}

TEST_CASE("More ranges than a handover takes are an error, never cut", "[tool][draft]") {
  Draft draft;
  std::vector<PhysRange> ranges;
  for (std::uint64_t i = 0; i < 70000; ++i) {
    ranges.push_back(Range(i * 0x2000, 0x1000));
  }
  draft.AddUnique(Node("many", ranges));
  draft.Finish();
  try {
    draft.Encode();
    FAIL("it fitted");
  } catch (const Failure& failure) {
    CHECK(failure.code() == ExitCode::kTableFull);
  }
}

// A draft of that many ranges, a page each.
ExitCode EncodeCode(std::size_t num_kept, std::size_t num_scratch, std::size_t num_ram) {
  const auto every_second_page = [](std::uint64_t start, std::size_t count) {
    std::vector<PhysRange> out;
    for (std::uint64_t i = 0; i < count; ++i) {
      out.push_back(Range(start + 2 * i * kPageSize, kPageSize));
    }
    return out;
  };
  Draft draft;
  draft.AddUnique(Node("db", every_second_page(0, num_kept)));
  for (const PhysRange& range : every_second_page(kGiB, num_scratch)) {
    draft.AddScratch(range);
  }
  for (const PhysRange& range : every_second_page(0, num_ram)) {
    draft.AddRam(range);
  }
  draft.Finish();
  try {
    return draft.Encode().empty() ? ExitCode::kBadInput : ExitCode::kFine;
  } catch (const Failure& failure) {
    return failure.code();
  }
}

TEST_CASE("What the stage's tables do not hold is not written", "[tool][draft]") {
  // A tree of 1 MiB has room for nearly as many ranges as the stage.
  CHECK(EncodeCode(64000, 256, 1024) == ExitCode::kFine);
  CHECK(EncodeCode(65537, 256, 1024) == ExitCode::kTableFull);
  CHECK(EncodeCode(32768, 257, 1024) == ExitCode::kTableFull);
  CHECK(EncodeCode(32768, 256, 1025) == ExitCode::kTableFull);
}

// A name of that many pages, every second one, and a file's own page.
Draft ScatteredInPlace(std::size_t num_ranges, PhysRange page) {
  Draft draft;
  std::vector<PhysRange> ranges;
  for (std::size_t i = 0; i < num_ranges; ++i) {
    ranges.push_back(Range(0x40000000 + i * 0x2000, 0x1000));
  }
  draft.AddUnique(Node("guest", std::move(ranges)));
  draft.AddNamed(Keep("db", Range(0x30000000, 0x200000)));
  draft.AddUnique(Node(std::string(Draft::kOwnName), {page}));
  draft.Finish();
  return draft;
}

TEST_CASE("In place, a name of many ranges has them in a list behind the tree", "[tool][draft][range-list]") {
  const PhysRange page = Range(0x50000000, 0x200000);
  const Draft draft = ScatteredInPlace(200, page);
  Draft::InPlace made = draft.EncodeAt(page, 64);
  CHECK(made.num_lists == 1);
  CHECK(made.tree_size < draft.Encode().size() / 2);
  CHECK(made.bytes.size() > made.tree_size);
  const std::vector<std::byte> tree_alone(made.bytes.begin(), made.bytes.begin() + static_cast<int>(made.tree_size));
  made.bytes.resize(page.size());

  const HandoverFile file(made.bytes, "page");
  file.RequireNoProblem();
  REQUIRE(file.pieces().size() == 202);
  CHECK(file.pieces()[0].name == "db");
  CHECK(file.pieces()[1].name == "guest");
  CHECK(file.pieces()[200].range == Range(0x40000000 + 199 * 0x2000, 0x1000));
  CHECK(file.pieces()[201].range == page);
  CHECK(file.handover().kept.bytes() == 200 * 0x1000 + 0x400000);
  CHECK_FALSE(FindStageProblem(*file.tree(), file.lists()));

  // Without its page the list has to be found elsewhere.
  try {
    const HandoverFile lost(tree_alone, "tree");
    FAIL("was read");
  } catch (const Failure& failure) {
    CHECK(failure.error()->code == Errc::kUnreadable);
    CHECK(failure.error()->where == page.start().raw() + made.tree_size);
  }
  const ScratchFolder folder;
  WriteFile((folder.path() / "0x50000000").string(), made.bytes);
  const HandoverFile found(tree_alone, "tree", folder.path().string());
  CHECK(found.pieces().size() == 202);

  // A list that is not what it was.
  made.bytes[made.tree_size + 30] ^= std::byte{1};
  try {
    const HandoverFile changed(made.bytes, "page");
    FAIL("was read");
  } catch (const Failure& failure) {
    CHECK(failure.error()->code == Errc::kBadDigest);
    CHECK(failure.error()->where == page.start().raw() + made.tree_size);
  }
}

TEST_CASE("In place, names of few ranges have none, unless lists are asked for", "[tool][draft][range-list]") {
  const PhysRange page = Range(0x50000000, 0x200000);
  const Draft draft = ScatteredInPlace(64, page);
  const Draft::InPlace plain = draft.EncodeAt(page, 64);
  CHECK(plain.num_lists == 0);
  CHECK(plain.bytes == draft.Encode());
  Draft::InPlace listed = draft.EncodeAt(page, 0);
  CHECK(listed.num_lists == 2);  // not that of the page itself
  listed.bytes.resize(page.size());
  CHECK(HandoverFile(listed.bytes, "page").handover().kept.bytes() == 64 * 0x1000 + 0x400000);
}

TEST_CASE("Lists that a page has no room for are refused", "[tool][draft][range-list]") {
  const PhysRange page = Range(0x50000000, 0x1000);
  try {
    ScatteredInPlace(3000, page).EncodeAt(page, 64);
    FAIL("was written");
  } catch (const Failure& failure) {
    CHECK(failure.error()->code == Errc::kTableFull);
    CHECK(failure.error()->where == page.size());
  }
}

}  // namespace
}  // namespace holdfast::tool
