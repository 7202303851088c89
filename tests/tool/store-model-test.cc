// SPDX-License-Identifier: BSD-2-Clause
// A store's index as values.

#include "tools/mkhandover/store/model.h"

#include <catch2/catch.hpp>

#include "tests/support/store-index.h"
#include "tests/tool/store-world.h"

namespace holdfast::tool {
namespace {

PhysRange Range(std::uint64_t start, std::uint64_t size) {
  return PhysRange::FromStartSize(PhysAddr(start), size).value();
}

KeptObject StreamIn(std::uint32_t file, const std::string& path) {
  KeptObject object;
  object.about.kind = StoreObjectKind::kStream;
  object.about.size = kPageSize;
  object.path = path;
  object.extents.push_back(test::MakeExtent(StoreData::kPages, 0, kPageSize, 0));
  object.extents.back().file = file;
  return object;
}

// Two nodes, each with a file of its own, and one that both name.
StoreModel TwoNodes() {
  StoreModel model;
  for (std::uint64_t i = 0; i < 3; ++i) {
    model.files.push_back({.kind = StoreFileKind::kOwn,
                           .page_shift = 12,
                           .name = Format("data-{}", i),
                           .runs = {Range((i + 1) << 20, kPageSize)}});
  }
  model.nodes.push_back({.name = "a", .objects = {StreamIn(0, "x"), StreamIn(1, "y")}});
  model.nodes.push_back({.name = "b", .objects = {StreamIn(1, "x"), StreamIn(2, "z")}});
  return model;
}

StoreModel Again(const StoreModel& model) { return DecodeStore(EncodeStore(model), "index"); }

TEST_CASE("A model is the same after it was written and read", "[tool][store]") {
  const std::vector<std::byte> index = test::MakeStoreIndex();
  const StoreModel model = DecodeStore(index, "index");
  REQUIRE(model.files.size() == 1);
  CHECK(model.files[0].size() == 0x600000);
  REQUIRE(model.nodes.size() == 2);
  CHECK(model.nodes[0].bytes() == 0x200000 + 0x100000 + 0x600000 + 10);
  CHECK(model.nodes[0].objects.at(1).attributes ==
        std::vector<KeptAttribute>{{"user.origin", {std::byte{'x'}, std::byte{0}, std::byte{'y'}}}});
  CHECK(EncodeStore(model) == index);
  CHECK(Again(StoreModel{}).nodes.empty());
}

TEST_CASE("An index that is larger than a first guess is written", "[tool][store]") {
  StoreModel model = TwoNodes();
  for (int i = 0; i < 20000; ++i) {
    model.nodes[0].objects.push_back(StreamIn(0, "many/" + std::to_string(i)));
  }
  const std::vector<std::byte> index = EncodeStore(model);
  CHECK(index.size() > std::size_t{3} << 20);
  CHECK(DecodeStore(index, "index").nodes[0].objects.size() == 20002);
}

TEST_CASE("A node takes along the files that no other one names", "[tool][store]") {
  StoreModel model = TwoNodes();
  CHECK(model.FilesOf(model.nodes[0]) == std::vector<std::uint32_t>{0, 1});
  model.Remove("a");
  REQUIRE(model.files.size() == 2);
  CHECK(model.files[0].name == "data-1");
  CHECK(model.files[1].name == "data-2");
  CHECK(model.Find("a") == nullptr);
  REQUIRE(model.Find("b") != nullptr);
  CHECK(model.FilesOf(*model.Find("b")) == std::vector<std::uint32_t>{0, 1});
  CHECK(Again(model).nodes[0].objects.at(1).extents.at(0).file == 1);
  model.Remove("b");
  CHECK(model.files.empty());
}

TEST_CASE("Of a file with lost pages the others are kept", "[tool][store]") {
  KeptFile file;
  file.runs = {Range(kStoreNoPage, 2 * kPage), Range(0x100000, kPage), Range(kStoreNoPage, kPage)};
  CHECK(file.size() == 4 * kPage);
  CHECK(file.KeptRuns() == std::vector{Range(0x100000, kPage)});
  const auto lost = file.Lost();
  REQUIRE(lost.size() == 2);
  CHECK(lost[1].offset == 3 * kPage);
  CHECK(lost[1].size == kPage);
  CHECK(FirstWithin(lost, 0, 1) == 0u);
  CHECK(FirstWithin(lost, 2 * kPage - 1, kPage) == 2 * kPage - 1);
  CHECK(FirstWithin(lost, 2 * kPage, kPage) == std::nullopt);
  CHECK(FirstWithin(lost, 2 * kPage, kPage + 1) == 3 * kPage);
  CHECK(FirstWithin(lost, 4 * kPage, kPage) == std::nullopt);
}

TEST_CASE("What takes a look at the whole index is refused, too", "[tool][store]") {
  StoreModel model = TwoNodes();
  model.nodes[1].name = "a";
  CHECK(FailureOf([&] { Again(model); }) == "6: index: malformed: the node a stands twice");
  model = TwoNodes();
  model.nodes[0].objects[1].path = "x";
  CHECK(FailureOf([&] { Again(model); }) == "6: index: malformed: x stands twice in the node a");
  model = TwoNodes();
  model.nodes[0].objects[0].extents[0].file_offset = 1;
  CHECK(FailureOf([&] { Again(model); }) == "6: index: malformed: x at offset 0 lies behind the end of its pages");
  model.nodes[0].objects[0].extents[0].file_offset = ~std::uint64_t{0};
  CHECK(FailureOf([&] { Again(model); }) == "6: index: malformed: x at offset 0 lies behind the end of its pages");
  model = TwoNodes();
  KeptObject folder;
  folder.about.kind = StoreObjectKind::kDirectory;
  folder.path = "folder";
  KeptObject link;
  link.about.kind = StoreObjectKind::kHardLink;
  link.about.link = 0;
  link.path = "link";
  model.nodes = {{.name = "n", .objects = {folder, link}}};
  CHECK(FailureOf([&] { Again(model); }) == "6: index: malformed: link is a link of what can have none");
}

}  // namespace
}  // namespace holdfast::tool
