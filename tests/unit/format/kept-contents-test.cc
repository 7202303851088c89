// SPDX-License-Identifier: BSD-2-Clause
// Tests of the check of kept contents.

#include "common/format/kept-contents.h"

#include <catch2/catch.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/format/range-list.h"
#include "tests/support/fake-memory.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::AlignedBytes;
using test::Between;
using test::CheckError;
using test::FakeMemory;

constexpr std::uint64_t kFirst = 0x10000000;
constexpr std::uint64_t kSecond = 0x8000000;  // below the first: `ranges` need not ascend

std::vector<std::byte> Pattern(std::size_t size, unsigned from) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(from + i * 7 + (i >> 8));
  }
  return bytes;
}

Digest DigestOf(std::initializer_list<std::vector<std::byte>> pieces) {
  Sha256 hash;
  for (const auto& piece : pieces) {
    hash.Update(piece);
  }
  return hash.Finish();
}

// Memory with trees that were read, and what a check of them says.
struct Checking {
  FakeMemory memory;
  std::vector<std::unique_ptr<AlignedBytes>> trees;
  FoundHandovers found;
  std::vector<KeptContent> contents;
  std::size_t room = 100;

  void AddTree(std::vector<HandoverV1Node> nodes, bool is_outside = false) {
    AlignedBytes storage(8192);
    const auto bytes =
        EncodeHandoverV1({.created_by = {}, .policy = {}, .preserved = nodes, .scratch = {}, .ram = {}}, storage.span())
            .value();
    trees.push_back(std::make_unique<AlignedBytes>(bytes));
    FoundHandover handover;
    handover.is_outside = is_outside;
    handover.tree.emplace(FdtView::Open(trees.back()->span()).value());
    Require(found.Append(handover).ok());
  }
  Status Run() {
    const PhysMemory seam = memory.memory();
    return CheckContents(found, seam, &Sha256Blocks, ContentSink(&Add, this));
  }
  static Status Add(void* self, const KeptContent& content) {
    auto& checking = *static_cast<Checking*>(self);
    if (checking.contents.size() == checking.room) {
      return Error{Errc::kTableFull, checking.room};
    }
    checking.contents.push_back(content);
    return kDone;
  }
};

HandoverV1Node Node(std::string_view name, std::span<const PhysRange> ranges, std::optional<Digest> digest) {
  return {.name = name, .owner = {}, .ranges = ranges, .sha256 = digest};
}

// The list itself in memory, and its place.
RangeListPlace AddList(FakeMemory& memory, std::uint64_t at, const std::vector<BlockRun>& runs) {
  std::vector<std::byte> storage(256);
  const auto bytes = EncodeRangeList(runs, storage).value();
  memory.Add(at, bytes);
  return {.range = Between(at, at + bytes.size()), .digest = Sha256::Of(bytes)};
}

}  // namespace

TEST_CASE("Contents are hashed byte by byte in the order of their ranges", "[format][kept-contents]") {
  // Neither starts nor ends are those of pages, and there is less than a page and more than one.
  const auto first = Pattern(3 * kPageSize + 5, 1);
  const auto second = Pattern(100, 99);
  const std::array ranges = {Between(kFirst + 9, kFirst + 9 + first.size()), Between(kSecond, kSecond + second.size())};
  Checking checking;
  checking.memory.Add(kFirst + 9, first);
  checking.memory.Add(kSecond, second);
  const std::vector<HandoverV1Node> nodes = {Node("right", ranges, DigestOf({first, second})),
                                             Node("other-order", ranges, DigestOf({second, first})),
                                             Node("silent", ranges, std::nullopt)};
  checking.AddTree(nodes);
  REQUIRE(checking.Run().ok());
  REQUIRE(checking.contents.size() == 3);
  CHECK(checking.contents[0].state == ContentState::kIntact);
  CHECK(checking.contents[1].state == ContentState::kLost);
  CHECK(checking.contents[2].state == ContentState::kNoDigest);
  const FdtView& tree = *checking.found[0].tree;
  for (std::size_t i = 0; i < 3; ++i) {
    const KeptContent& content = checking.contents[i];
    CHECK(content.name == nodes[i].name);
    CHECK(content.source == 0);
    CHECK(tree.Name(*tree.At(content.node)) == nodes[i].name);
    CHECK(content.first == ranges[0]);
    CHECK(content.bytes == first.size() + second.size());
  }
}

TEST_CASE("One byte that is another is seen wherever it is", "[format][kept-contents]") {
  auto bytes = Pattern(2 * kPageSize, 3);
  const Digest digest = Sha256::Of(bytes);
  const std::array ranges = {Between(kFirst, kFirst + bytes.size())};
  const auto at = GENERATE(std::size_t{0}, kPageSize - 1, kPageSize, 2 * kPageSize - 1);
  bytes[at] ^= std::byte{1};
  Checking checking;
  checking.memory.Add(kFirst, bytes);
  checking.AddTree({Node("guest0", ranges, digest)});
  REQUIRE(checking.Run().ok());
  REQUIRE(checking.contents.size() == 1);
  CHECK(checking.contents[0].state == ContentState::kLost);
}

TEST_CASE("A range whose pages lie in pieces of a capture is read", "[format][kept-contents]") {
  const auto bytes = Pattern(2 * kPageSize, 5);
  Checking checking;
  checking.memory.Add(kFirst, std::span(bytes).first(kPageSize));
  checking.memory.Add(kFirst + kPageSize, std::span(bytes).subspan(kPageSize));
  const std::array ranges = {Between(kFirst, kFirst + bytes.size())};
  checking.AddTree({Node("guest0", ranges, Sha256::Of(bytes))});
  REQUIRE(checking.Run().ok());
  CHECK(checking.contents[0].state == ContentState::kIntact);
}

TEST_CASE("A range-list's contents are hashed in ascending order", "[format][kept-contents]") {
  const auto low = Pattern(2 * kPageSize, 1);
  const auto high = Pattern(kPageSize, 2);
  Checking checking;
  checking.memory.Add(kSecond, low);
  checking.memory.Add(kFirst, high);
  const RangeListPlace place = AddList(
      checking.memory, 0x4000000,
      {{Between(kSecond, kSecond + low.size()), 0}, {Between(kFirst, kFirst + high.size()), KeptBlock::kNoOrder}});
  HandoverV1Node many = Node("many", {}, DigestOf({low, high}));
  many.range_list = place;
  HandoverV1Node wrong = Node("wrong", {}, DigestOf({high, low}));
  wrong.range_list = place;
  checking.AddTree({many, wrong});
  REQUIRE(checking.Run().ok());
  REQUIRE(checking.contents.size() == 2);
  CHECK(checking.contents[0].state == ContentState::kIntact);
  CHECK(checking.contents[0].first == Between(kSecond, kSecond + low.size()));
  CHECK(checking.contents[0].bytes == low.size() + high.size());
  CHECK(checking.contents[1].state == ContentState::kLost);
}

TEST_CASE("Each tree is looked at, and what is no tree is not", "[format][kept-contents]") {
  const auto bytes = Pattern(kPageSize, 1);
  const std::array ranges = {Between(kFirst, kFirst + bytes.size())};
  Checking checking;
  checking.memory.Add(kFirst, bytes);
  checking.AddTree({Node("a", ranges, Sha256::Of(bytes))});
  Require(checking.found.Append({.carrier = Carrier::kKhoNode, .at = {}}).ok());
  checking.AddTree({});
  checking.AddTree({Node("b", ranges, Digest{})});
  REQUIRE(checking.Run().ok());
  REQUIRE(checking.contents.size() == 2);
  CHECK(checking.contents[0].source == 0);
  CHECK(checking.contents[0].state == ContentState::kIntact);
  CHECK(checking.contents[1].source == 3);
  CHECK(checking.contents[1].name == "b");
  CHECK(checking.contents[1].state == ContentState::kLost);
}

TEST_CASE("A digest from outside counts for nothing, and nothing is read for it", "[format][kept-contents]") {
  const std::array ranges = {Between(kFirst, kFirst + kPageSize)};
  Checking checking;
  checking.AddTree({Node("guest0", ranges, Digest{})}, /*is_outside=*/true);
  REQUIRE(checking.Run().ok());
  REQUIRE(checking.contents.size() == 1);
  CHECK(checking.contents[0].state == ContentState::kNoDigest);
  CHECK(checking.contents[0].bytes == kPageSize);
}

TEST_CASE("What cannot be read is an error, and so is the sink's", "[format][kept-contents]") {
  const auto bytes = Pattern(kPageSize, 1);
  Checking checking;
  checking.memory.Add(kFirst, bytes);
  const std::array ranges = {Between(kFirst, kFirst + 2 * kPageSize)};
  SECTION("a page of it") {
    checking.AddTree({Node("guest0", ranges, Digest{})});
    CheckError(checking.Run(), Errc::kUnreadable, kFirst + kPageSize);
  }
  SECTION("nobody asks for it") {
    checking.AddTree({Node("guest0", ranges, std::nullopt)});
    CHECK(checking.Run().ok());
  }
  SECTION("a range-list") {
    HandoverV1Node many = Node("many", {}, std::nullopt);
    many.range_list = RangeListPlace{.range = Between(0x4000000, 0x4000020)};
    checking.AddTree({many});
    CheckError(checking.Run(), Errc::kUnreadable, 0x4000000);
  }
  SECTION("the sink is full") {
    checking.room = 0;
    checking.AddTree({Node("guest0", ranges, std::nullopt)});
    CheckError(checking.Run(), Errc::kTableFull, 0);
  }
}

}  // namespace holdfast
