// SPDX-License-Identifier: BSD-2-Clause
// What the store is made of: threads, growing files, memory by address, and a folder that nothing leads out of.

#include <sys/stat.h>

#include <atomic>
#include <cstring>

#include "tests/tool/store-world.h"
#include "tools/mkhandover/store/inner-folder.h"
#include "tools/mkhandover/store/page-file.h"
#include "tools/mkhandover/store/physical.h"
#include "tools/mkhandover/store/workers.h"

namespace holdfast::tool {
namespace {

TEST_CASE("Every job is done, on however many threads", "[tool][store]") {
  for (const unsigned count : {0u, 1u, 4u}) {
    std::atomic<int> done = 0;
    Workers workers(count);
    for (int i = 0; i < 1000; ++i) {
      workers.Add([&done] { ++done; });
    }
    workers.Finish();
    CHECK(done == 1000);
    workers.Add([&done] { ++done; });
    workers.Finish();
    CHECK(done == 1001);
  }
}

TEST_CASE("The first failure of a job ends them all", "[tool][store]") {
  Workers workers(2);
  std::atomic<int> done = 0;
  const auto outcome = FailureOf([&] {
    for (int i = 0; i < 1000; ++i) {
      workers.Add([&done, i] {
        if (i == 10) {
          throw Failure(ExitCode::kFound, "job 10");
        }
        ++done;
      });
    }
    workers.Finish();
  });
  CHECK(outcome == "1: job 10");
  CHECK(done < 1000);
  CHECK(FailureOf([&] { workers.Finish(); }) == "1: job 10");
}

TEST_CASE("A file of pages grows, and is cut to what was used", "[tool][store]") {
  const ScratchFolder folder;
  const std::string path = (folder.path() / "data").string();
  {
    PageFile file(path, kPage, 10 * kPage);
    const auto first = file.Take(5, 8);
    CHECK(first.offset == 0);
    CHECK(first.bytes.size() == 5);
    CHECK(file.Take(3, 8).offset == 8);
    const auto next = file.Take(2 * kPage, kPage);
    CHECK(next.offset == kPage);
    std::memset(next.bytes.data(), 'x', next.bytes.size());
    std::memset(first.bytes.data(), 'y', first.bytes.size());
    CHECK(FailureOf([&] { file.Take(8 * kPage, 1); }) == Format("5: {}: table-full: more than the 160 KiB that were to "
                                                                "be saved",
                                                                path));
    CHECK(file.used() == 3 * kPage);
    file.Keep();
  }
  CHECK(TextOf(path) == "yyyyy" + std::string(kPage - 5, '\0') + std::string(2 * kPage, 'x'));
  CHECK(FailureOf([&] { PageFile(path, kPage, kPage); }) == Format("7: {}: File exists", path));
  const std::string other = (folder.path() / "other").string();
  { PageFile(other, kPage, kPage).Take(1, 1); }
  CHECK_FALSE(std::filesystem::exists(other));
}

TEST_CASE("Memory by address is mapped in the order that was asked for", "[tool][store]") {
  const ScratchFolder folder;
  std::ofstream(folder.path() / "0x10000.bin") << std::string(4096, 'a') << std::string(4096, 'b');
  std::ofstream(folder.path() / "12000") << std::string(4096, 'c');
  const PhysicalMemory memory(folder.path().string());
  const auto range = [](std::uint64_t start, std::uint64_t size) {
    return PhysRange::FromStartSize(PhysAddr(start), size).value();
  };
  const std::vector runs = {range(0x12000, 4096), range(0x10000, 4096)};
  const auto mapped = memory.Map(runs);
  REQUIRE(mapped->bytes().size() == 8192);
  CHECK(mapped->bytes()[0] == std::byte{'c'});
  CHECK(mapped->bytes()[4096] == std::byte{'a'});
  // Over the end of one file into the next.
  const std::vector across = {range(0x11000, 8192)};
  const auto both = memory.Map(across);
  CHECK(both->bytes()[4095] == std::byte{'b'});
  CHECK(both->bytes()[4096] == std::byte{'c'});
  const std::vector missing = {range(0x12000, 8192)};
  CHECK(FailureOf([&] { memory.Map(missing); }) == "6: unreadable: [0x13000, 0x14000): nothing gives that memory");
  // A device within /dev/mem, played by a file within another.
  std::ofstream(folder.path() / "0x20000.bin") << std::string(3 * 4096, 'm');
  std::ofstream(folder.path() / "0x21000.bin") << std::string(4096, 'p');
  const std::vector through = {range(0x20000, 3 * 4096)};
  const auto all = PhysicalMemory(folder.path().string()).Map(through);
  CHECK(all->bytes()[4095] == std::byte{'m'});
  CHECK(all->bytes()[4096] == std::byte{'p'});
  CHECK(all->bytes()[8191] == std::byte{'p'});
  CHECK(all->bytes()[8192] == std::byte{'m'});
  std::ofstream(folder.path() / "notes") << "text";
  CHECK(FailureOf([&] {
          PhysicalMemory(folder.path().string());
        }).ends_with("notes: no file of memory, which is named by its address"));
}

TEST_CASE("A path ends in its folder, and goes through no symbolic link", "[tool][store]") {
  const ScratchFolder scratch;
  InnerFolder folder((scratch.path() / "new").string());
  CHECK(folder.Find("file").name == "file");
  const auto deep = folder.Find("a/b/c");
  CHECK(deep.name == "c");
  CHECK(mkdirat(deep.folder, "c", 0700) == 0);
  CHECK(std::filesystem::is_directory(scratch.path() / "new/a/b/c"));
  std::filesystem::create_directory_symlink("/tmp", scratch.path() / "new/a/link");
  CHECK(FailureOf([&] { folder.Find("a/link/c"); }).ends_with("new/a/link: Not a directory"));
  std::ofstream(scratch.path() / "new/file") << "text";
  CHECK(FailureOf([&] { folder.Find("file/c"); }).ends_with("new/file: Not a directory"));
}

}  // namespace
}  // namespace holdfast::tool
