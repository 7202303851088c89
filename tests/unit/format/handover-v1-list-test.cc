// SPDX-License-Identifier: BSD-2-Clause
// Tests of our own handover's range-lists.

#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <vector>

#include "common/format/handover-v1.h"
#include "common/format/range-list.h"
#include "tests/support/fake-memory.h"
#include "tests/support/ranges.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::AlignedBytes;
using test::CheckError;

constexpr std::uint64_t kListAt = 0x7f000800;
const std::vector<BlockRun> kRuns = {
    {R(0x40000000, 0x40200000), 9}, {R(0x40200000, 0x40203000), 0}, {R(0x50000000, 0x50001000), -1}};

std::vector<std::byte> EncodedList(const std::vector<BlockRun>& runs) {
  std::vector<std::byte> storage(256);
  const auto bytes = EncodeRangeList(runs, storage).value();
  return {bytes.begin(), bytes.end()};
}

// What `range-list` holds: address, size, digest.
std::vector<std::byte> ListProperty(std::uint64_t address, std::span<const std::byte> list) {
  const std::array<Be64, 2> numbers = {Be64(address), Be64(list.size())};
  const Digest digest = Sha256::Of(list);
  std::vector<std::byte> out(sizeof(numbers) + sizeof(digest));
  std::memcpy(out.data(), numbers.data(), sizeof(numbers));
  std::memcpy(out.data() + sizeof(numbers), digest.data(), sizeof(digest));
  return out;
}

// A tree with a name "many" that has the list, and with `also_ranges` ranges as well.
AlignedBytes TreeOf(std::span<const std::byte> property, bool also_ranges = false) {
  AlignedBytes storage(1024);
  FdtWriter writer(storage.span());
  writer.BeginNode("");
  writer.String("compatible", "holdfast,handover-v1");
  writer.BeginNode("preserved");
  writer.BeginNode("many");
  writer.String("fence", "held");
  if (also_ranges) {
    writer.U64("ranges", 0x1000);
  }
  writer.Bytes("range-list", property);
  writer.EndNode();
  writer.EndNode();
  writer.EndNode();
  return AlignedBytes(writer.Finish().value());
}

struct Decoded {
  std::array<KeptRange, 8> storage{};
  PreservedMap kept{storage};
  RangeSet none{std::span<PhysRange>()};
  Handover handover{kept, none, none};

  Status From(AlignedBytes& tree, const ListReader& reader) {
    return DecodeHandoverV1(FdtView::Open(tree.span()).value(), 2, reader, handover);
  }
};

Status Decode(AlignedBytes tree, const test::FakeMemory& memory) {
  return Decoded().From(tree, {.memory = memory.memory()});
}

TEST_CASE("A list that is lost is not read", "[format][handover-v1][range-list]") {
  const auto list = EncodedList(kRuns);
  AlignedBytes tree = TreeOf(ListProperty(kListAt, list));
  const FdtView view = FdtView::Open(tree.span()).value();
  const FdtNode many = *view.Child(*view.Child(view.root(), "preserved"), "many");
  const std::array lost = {LostName{2, static_cast<std::uint32_t>(many.offset())}};
  Decoded out;
  REQUIRE(DecodeHandoverV1(view, 2, NoLists(), out.handover, {.lost = lost}).ok());
  CHECK(out.kept.empty());
}

std::uint64_t WhereListIs(AlignedBytes& tree) {
  const FdtView view = FdtView::Open(tree.span()).value();
  return view.WhereOf(*view.Child(*view.Child(view.root(), "preserved"), "many"), "range-list");
}

TEST_CASE("A name's memory may stand in a list elsewhere, which is kept as well", "[format][handover-v1]") {
  const auto list = EncodedList(kRuns);
  test::FakeMemory memory;
  memory.Add(kListAt, list);
  AlignedBytes tree = TreeOf(ListProperty(kListAt, list));
  Decoded out;
  REQUIRE(out.From(tree, {.memory = memory.memory()}).ok());

  const FdtView view = FdtView::Open(tree.span()).value();
  const auto kept = out.kept.view();
  REQUIRE(kept.size() == 3);
  CHECK(kept[0].range == R(kListAt, kListAt + list.size()));
  CHECK(kept[0].kind == KeptKind::kStructure);
  CHECK(kept[0].fence == Fence::kReserved);
  // Runs that touch are one range, whatever their orders.
  CHECK(kept[1].range == R(0x40000000, 0x40203000));
  CHECK(kept[1].kind == KeptKind::kMemory);
  CHECK(kept[1].fence == Fence::kHeld);
  CHECK(kept[2].range == R(0x50000000, 0x50001000));
  for (const KeptRange& each : kept) {
    CHECK(KeptName(view, each) == "many");
    CHECK(each.source == 2);
  }
  REQUIRE(out.kept.Seal().ok());
  CHECK(out.kept.FirstOverlap(R(0x7f000000, 0x7f001000))->range == R(0x7f000000, 0x7f001000));
}

TEST_CASE("A list that somebody keeps may be kept twice, but not under two fences", "[format][handover-v1]") {
  for (const bool same_fence : {true, false}) {
    const auto list = EncodedList({{R(0x7f000000, 0x7f001000), 0}});
    test::FakeMemory memory;
    memory.Add(kListAt, list);
    const std::array nodes = {
        HandoverV1Node{.name = "self",
                       .owner = "",
                       .fence = same_fence ? Fence::kReserved : Fence::kPmem,
                       .ranges = {},
                       .sha256 = {},
                       .range_list = RangeListPlace{R(kListAt, kListAt + list.size()), Sha256::Of(list)}}};
    AlignedBytes storage(1024);
    HandoverV1 handover;
    handover.preserved = nodes;
    REQUIRE(EncodeHandoverV1(handover, storage.span()).ok());
    Decoded out;
    REQUIRE(out.From(storage, {.memory = memory.memory()}).ok());
    if (same_fence) {
      CHECK(out.kept.Seal().ok());
    } else {
      CheckError(out.kept.Seal(), Errc::kKeptOverlap, kListAt);
    }
  }
}

TEST_CASE("A list that is not what its name says is refused", "[format][handover-v1]") {
  const auto list = EncodedList(kRuns);
  const auto property = ListProperty(kListAt, list);
  test::FakeMemory memory;
  memory.Add(kListAt, list);
  REQUIRE(Decode(TreeOf(property), memory).ok());

  CheckError(Decode(TreeOf(property), test::FakeMemory()), Errc::kUnreadable, kListAt);
  Decoded without_memory;
  AlignedBytes tree = TreeOf(property);
  CheckError(without_memory.From(tree, NoLists()), Errc::kUnreadable, kListAt);

  auto changed = list;
  changed.back() ^= std::byte{1};
  test::FakeMemory other;
  other.Add(kListAt, changed);
  CheckError(Decode(TreeOf(property), other), Errc::kBadDigest, kListAt);
  // With its digest it is read, and found wrong where it is.
  CheckError(Decode(TreeOf(ListProperty(kListAt, std::span(list).first(list.size() - 1))), memory), Errc::kTruncated,
             kListAt + list.size() - 1);
  changed = list;
  changed[8] = std::byte{9};
  test::FakeMemory newer;
  newer.Add(kListAt, changed);
  CheckError(Decode(TreeOf(ListProperty(kListAt, changed)), newer), Errc::kBadVersion, 9);
}

TEST_CASE("A list that does not fit into the table is an error", "[format][handover-v1]") {
  const auto list = EncodedList(kRuns);
  test::FakeMemory memory;
  memory.Add(kListAt, list);
  AlignedBytes tree = TreeOf(ListProperty(kListAt, list));
  std::array<KeptRange, 2> storage;
  PreservedMap kept(storage);
  RangeSet none{std::span<PhysRange>()};
  Handover handover(kept, none, none);
  CheckError(DecodeHandoverV1(FdtView::Open(tree.span()).value(), 0, {.memory = memory.memory()}, handover),
             Errc::kTableFull, 2);
}

TEST_CASE("The property range-list is held to its rule", "[format][handover-v1]") {
  const auto list = EncodedList(kRuns);
  const auto property = ListProperty(kListAt, list);
  test::FakeMemory memory;
  memory.Add(kListAt, list);
  const auto refused = [&](AlignedBytes tree) {
    const std::uint64_t where = WhereListIs(tree);
    CheckError(Decode(tree, memory), Errc::kMalformed, where);
  };
  refused(TreeOf(std::span(property).first(47)));
  refused(TreeOf(property, /*also_ranges=*/true));
  refused(TreeOf(ListProperty(kListAt, {})));

  auto changed = property;
  changed[8 + 3] = std::byte{1};  // 2^32 bytes more
  CheckError(Decode(TreeOf(changed), memory), Errc::kTooLarge, kMaxRangeListSize);
  changed = property;
  changed[0] = std::byte{1};
  CheckError(Decode(TreeOf(changed), memory), Errc::kOutOfBounds, kListAt | std::uint64_t{1} << 56);
}

TEST_CASE("A name is encoded with ranges or with a list", "[format][handover-v1]") {
  AlignedBytes storage(1024);
  const std::array ranges = {R(0x1000, 0x2000)};
  const RangeListPlace place{R(kListAt, kListAt + 64), {}};
  const auto encode = [&](const HandoverV1Node& node) {
    HandoverV1 handover;
    handover.preserved = std::span(&node, 1);
    return EncodeHandoverV1(handover, storage.span());
  };
  HandoverV1Node node{.name = "a", .owner = "", .fence = Fence::kReserved, .ranges = {}, .sha256 = {}};
  CheckError(encode(node), Errc::kMalformed, 0);
  node.range_list = place;
  CHECK(encode(node).ok());
  node.ranges = ranges;
  CheckError(encode(node), Errc::kMalformed, 0);
  node.ranges = {};
  node.range_list = RangeListPlace{};
  CheckError(encode(node), Errc::kMalformed, 0);
  node.range_list = RangeListPlace{R(kListAt, kListAt + kMaxRangeListSize + 1), {}};
  CheckError(encode(node), Errc::kMalformed, 0);
}

}  // namespace
}  // namespace holdfast
