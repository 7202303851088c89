// SPDX-License-Identifier: BSD-2-Clause
// Frame numbers as extents, and files whose pages can move.

#include "tools/mkhandover/page-map.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "common/format/store.h"
#include "tests/support/ranges.h"
#include "tests/tool/scratch-folder.h"
#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/huge-file.h"
#include "tools/mkhandover/memory-failure.h"

namespace holdfast::tool {
namespace {

constexpr std::uint64_t kHuge = 2 * kMiB;
constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;

PagemapEntry At(std::uint64_t address) { return {kPresent | address / kPageSize}; }

PhysRange Range(std::uint64_t start, std::uint64_t size) {
  return PhysRange::FromStartSize(PhysAddr(start), size).value();
}

struct Outcome {
  ExitCode code = ExitCode::kFine;
  std::string message;
};
template <typename Act>
Outcome OutcomeOf(Act act) {
  try {
    act();
    return {};
  } catch (const Failure& failure) {
    return {failure.code(), failure.what()};
  }
}

TEST_CASE("Pages in any order become sorted extents", "[tool][page-map]") {
  const std::vector pages = {At(0x40000000), At(0x10200000), At(0x10000000), At(0x10400000), At(0x3fe00000)};
  CHECK(ExtentsOf(pages, kHuge, "f") == std::vector{Range(0x10000000, 3 * kHuge), Range(0x3fe00000, 2 * kHuge)});
  CHECK(ExtentsOf({}, kHuge, "f").empty());
}

TEST_CASE("A page that is not there, or not shown, or no huge page, is refused", "[tool][page-map]") {
  const auto outcome = [](PagemapEntry bad) {
    return OutcomeOf([&] { ExtentsOf(std::vector{At(0x10000000), bad}, kHuge, "f"); });
  };
  CHECK(outcome({0}).message == "f: page 1 is absent: every page of it must be in memory");
  CHECK(outcome({0}).code == ExitCode::kBadInput);
  CHECK(outcome({std::uint64_t{1} << 62}).message == "f: page 1 is swapped out: every page of it must be in memory");
  CHECK(outcome({kPresent}).message == "f: the kernel hides where its pages lie: run this as root (CAP_SYS_ADMIN)");
  CHECK(outcome({kPresent}).code == ExitCode::kSystem);
  CHECK(outcome(At(0x10201000)).message == "f: page 1 at frame 0x10201 is no page of 2 MiB");
  CHECK(outcome({kPresent | (std::uint64_t{1} << 54)}).code == ExitCode::kBadInput);
}

TEST_CASE("A page that was put aside for memory failure has a place in its file and no address", "[tool][page-map]") {
  const PagemapEntry lost{.raw = 0, .is_lost = true};
  const std::vector pages = {At(0x10000000), lost, lost, At(kHuge), lost, At(0x10200000)};
  CHECK(RunsOf(pages, kHuge, "f") == std::vector{Range(0x10000000, kHuge), Range(kStoreNoPage, 2 * kHuge),
                                                 Range(kHuge, kHuge), Range(kStoreNoPage, kHuge),
                                                 Range(0x10200000, kHuge)});
  const Outcome outcome = OutcomeOf([&] { ExtentsOf(pages, kHuge, "f"); });
  CHECK(outcome.code == ExitCode::kBadInput);
  CHECK(outcome.message ==
        "f: from offset 0x200000 on, 2 MiB: the kernel has put this page aside for memory failure: what was there is "
        "lost: write the file anew");
}

TEST_CASE("Memory that no kernel has put aside can be read", "[tool][page-map]") {
  const std::vector<std::byte> bytes(3 * kPageSize, std::byte{1});
  CHECK(CanBeRead(bytes));
  CHECK(CanBeRead(std::span(bytes).subspan(100, 1)));
}

TEST_CASE("The flags of an entry are no part of its frame", "[tool][page-map]") {
  const PagemapEntry entry{kPresent | std::uint64_t{1} << 61 | std::uint64_t{1} << 55 | 0x1234};
  CHECK(entry.present());
  CHECK_FALSE(entry.swapped());
  CHECK(entry.frame() == 0x1234);
}

TEST_CASE("A file whose pages can move is refused", "[tool][page-map]") {
  ScratchFolder folder;
  const std::string path = (folder.path() / "file").string();
  std::ofstream(path) << "bytes";
  const Outcome outcome = OutcomeOf([&] { PagesOfFile(path); });
  CHECK(outcome.code == ExitCode::kBadInput);
  CHECK_THAT(outcome.message, Catch::Contains("whose pages can move: put it on hugetlbfs"));
  CHECK_FALSE(IsOnHugetlbfs(path));
  CHECK_FALSE(IsOnHugetlbfs((folder.path() / "new").string()));
  CHECK(OutcomeOf([&] { PagesOfFile((folder.path() / "none").string()); }).code == ExitCode::kSystem);
}

TEST_CASE("A filesystem is named, or numbered", "[tool][page-map]") {
  CHECK(FilesystemName(0x958458f6) == "hugetlbfs");
  CHECK(FilesystemName(0x01021994) == "tmpfs");
  CHECK(FilesystemName(0x1234) == "filesystem 0x1234");
}

TEST_CASE("The order of a file's pages is that of their frames", "[tool][page-map]") {
  const auto entry = [](std::uint64_t frame) { return PagemapEntry{std::uint64_t{1} << 63 | frame}; };
  const std::vector<PagemapEntry> pages = {entry(0x600), entry(0x200), entry(0xa00), entry(0x400)};
  CHECK(OrderOf(pages) == std::vector<std::size_t>{1, 3, 0, 2});
  CHECK(OrderOf({}).empty());
}

TEST_CASE("A digest of bytes that come one after another is that of all of them", "[tool][digest]") {
  const std::vector<std::byte> bytes(10000, std::byte{0x5a});
  DigestStream stream;
  stream.Add(std::span(bytes).first(1));
  stream.Add({});
  stream.Add(std::span(bytes).subspan(1));
  CHECK(stream.Done() == DigestOf(bytes));
}

}  // namespace
}  // namespace holdfast::tool
