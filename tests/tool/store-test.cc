// SPDX-License-Identifier: BSD-2-Clause
// The store on a folder of ordinary files: saved as a whole or not at all, and the same again over a kexec that is
// played by files named by their address.

#include "tools/mkhandover/store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <tuple>

#include "tests/support/random.h"
#include "tests/tool/store-world.h"
#include "tools/mkhandover/draft.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/store/extents.h"
#include "tools/mkhandover/store/index-file.h"
#include "tools/mkhandover/store/saver.h"
#include "tools/mkhandover/store/walk.h"

namespace holdfast::tool {
namespace {

std::string RandomText(test::Random& random, std::size_t size) {
  std::string out(size, '\0');
  for (char& c : out) {
    c = static_cast<char>(random.Below(256));
  }
  return out;
}

// Folders, files of all sizes, holes, links, modes and times.
void MakeTree(test::Random& random, const std::filesystem::path& root, std::size_t count) {
  std::vector<std::filesystem::path> folders = {root};
  std::vector<std::filesystem::path> files;
  std::filesystem::create_directory(root);
  for (std::size_t i = 0; i < count; ++i) {
    const std::filesystem::path path = folders[random.Below(folders.size())] / ("n" + std::to_string(i));
    switch (random.Below(6)) {
      case 0:
        std::filesystem::create_directory(path);
        folders.push_back(path);
        break;
      case 1:
        std::filesystem::create_symlink("../" + std::string(random.Below(60), 'x'), path);
        break;
      case 2:
        if (!files.empty()) {
          std::filesystem::create_hard_link(files[random.Below(files.size())], path);
        }
        break;
      default: {
        const std::size_t size = random.Below(3) == 0 ? random.Below(400000) : random.Below(5000);
        std::ofstream(path, std::ios::binary) << RandomText(random, size);
        if (random.Below(4) == 0) {
          std::filesystem::resize_file(path, size + random.Below(1000000));
        }
        std::filesystem::permissions(path, static_cast<std::filesystem::perms>(0400 + random.Below(0400)));
        files.push_back(path);
      }
    }
    const struct timespec times[2] = {{static_cast<time_t>(random.Below(2000000000)), 5},
                                      {static_cast<time_t>(random.Below(2000000000)), 999999999}};
    utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
  }
}

// All that a file is, without its inode's number; of its links, which is the first.
std::vector<std::string> Shown(const std::filesystem::path& root) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::map<ino_t, std::string> first;
  std::vector<std::string> out;
  for (const std::filesystem::path& path : paths) {
    struct stat status {};
    REQUIRE(lstat(path.c_str(), &status) == 0);
    const std::string name = path.lexically_relative(root).string();
    first.emplace(status.st_ino, name);
    // A folder's size is its file system's.
    out.push_back(Format("{} {:o} {}:{} {}.{} {} {} {} ", name, status.st_mode, status.st_uid, status.st_gid,
                         status.st_mtim.tv_sec, status.st_mtim.tv_nsec, S_ISDIR(status.st_mode) ? 0 : status.st_size,
                         S_ISDIR(status.st_mode) ? 0 : status.st_nlink, first[status.st_ino]));
    if (S_ISREG(status.st_mode)) {
      out.back() += TextOf(path);
    } else if (S_ISLNK(status.st_mode)) {
      out.back() += std::filesystem::read_symlink(path).string();
    }
  }
  return out;
}

TEST_CASE("Random trees come back as they were, before a kexec and after it", "[tool][store]") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    INFO("seed " << seed);
    World world;
    test::Random random(seed);
    MakeTree(random, world.path("tree"), 60);
    const auto before = Shown(world.path("tree"));
    world.Keep("tree", {world.path("tree").string()}, /*zstd=*/seed % 2 == 0);
    CHECK(Shown(world.path("tree")) == before);
    REQUIRE(world.Restore("tree", "out1") == ExitCode::kFine);
    CHECK(Shown(world.path("out1/tree")) == before);
    world.Jump();
    REQUIRE(world.Restore("tree", "out2") == ExitCode::kFine);
    CHECK(Shown(world.path("out2/tree")) == before);
    // A second node beside what is carried, and one more kexec.
    world.Keep("again", {world.path("out2/tree").string()});
    world.Jump();
    REQUIRE(world.Restore("tree", "out3") == ExitCode::kFine);
    REQUIRE(world.Restore("again", "out4") == ExitCode::kFine);
    CHECK(Shown(world.path("out3/tree")) == before);
    CHECK(Shown(world.path("out4/tree")) == before);
  }
}

TEST_CASE("A save that is not finished leaves nothing", "[tool][store]") {
  World world;
  world.Keep("first", {world.Write("file", "text")});
  {
    Store store(world.choice(), Store::For::kWriting);
    Saver saver(store, "second", {}, kMiB);
    KeptObject object;
    object.about.kind = StoreObjectKind::kStream;
    object.about.size = kPage;
    object.path = "pages";
    saver.AddObject(object);
    saver.AddBlock(0, StoreData::kPages, 0, kPage,
                   [](std::span<std::byte> to) { std::memset(to.data(), 1, to.size()); });
    saver.Wait();
  }
  const Store store(world.choice(), Store::For::kReading);
  CHECK(store.model().nodes.size() == 1);
  CHECK(store.model().sequence == 1);
  CHECK(std::distance(std::filesystem::directory_iterator(world.huge() / "store"), {}) == 2);
}

TEST_CASE("A save whose data cannot be read leaves nothing", "[tool][store]") {
  World world;
  Store store(world.choice(), Store::For::kWriting);
  Saver saver(store, "node", {}, kMiB);
  KeptObject object;
  object.about.kind = StoreObjectKind::kStream;
  object.about.size = kPage;
  object.path = "pages";
  saver.AddObject(object);
  saver.AddBlock(0, StoreData::kPages, 0, kPage,
                 [](std::span<std::byte>) { throw Failure(ExitCode::kSystem, "no more"); });
  CHECK(FailureOf([&] { saver.Finish(); }) == "7: no more");
  CHECK(store.model().nodes.empty());
}

TEST_CASE("Saves that are open at once do not touch each other", "[tool][store]") {
  World world;
  world.Keep("first", {world.Write("file", "text")});
  Store store(world.choice(), Store::For::kWriting);
  const auto begin = [&](const std::string& name, char letter, bool add = false) {
    auto saver = std::make_unique<Saver>(store, name, SaveOptions{.add = add}, kMiB);
    KeptObject object;
    object.about.kind = StoreObjectKind::kStream;
    object.about.size = kPage;
    object.path = "pages-of-" + name + letter;
    saver->AddObject(object);
    saver->AddBlock(0, StoreData::kPages, 0, kPage,
                    [letter](std::span<std::byte> to) { std::memset(to.data(), letter, to.size()); });
    saver->Wait();
    return saver;
  };
  const auto second = begin("second", '2');
  const auto third = begin("third", '3');
  const auto again = begin("third", '4');
  const auto added = begin("first", '5', true);
  third->Finish();
  store.Drop("third");
  second->Finish();
  begin("third", '6')->Finish();
  CHECK(FailureOf([&] { again->Finish(); }) ==
        "2: --name third: something is kept under that name: drop it first, choose another, or give --add");
  added->Finish();
  CHECK(std::distance(std::filesystem::directory_iterator(world.huge() / "store"), {}) == 5);
  for (const auto& [name, path, text] : {std::tuple("second", "pages-of-second2", std::string(kPage, '2')),
                                         {"third", "pages-of-third6", std::string(kPage, '6')},
                                         {"first", "pages-of-first5", std::string(kPage, '5')},
                                         {"first", "file", std::string("text")}}) {
    const KeptNode& node = store.Find(name);
    const auto object = std::find_if(node.objects.begin(), node.objects.end(),
                                     [&, wanted = path](const KeptObject& each) { return each.path == wanted; });
    REQUIRE(object != node.objects.end());
    std::vector<std::byte> buffer;
    const auto bytes = ReadExtent(*store.snapshot(), object->extents.at(0), buffer);
    REQUIRE(bytes.ok());
    CHECK(std::string(AsText(bytes.value())) == text);
  }
  const auto orphan = begin("first", '7', true);
  store.Drop("first");
  CHECK(FailureOf([&] { orphan->Finish(); }) ==
        "1: first: nothing is kept under that name: mkhandover list shows what is");
}

TEST_CASE("Pages of 1 GiB are kept and come back", "[tool][store]") {
  World world(kGiB);
  const std::string guest = world.Write("huge/guest", "");
  std::filesystem::resize_file(guest, 2 * kGiB);
  std::fstream(guest, std::ios::in | std::ios::out).seekp(2 * kGiB - 3).write("end", 3);
  const std::string small = world.Write("small", "text");
  world.Keep("vm", {guest});
  world.Keep("small", {small});
  CHECK(std::filesystem::file_size(world.huge() / "store/data-2") == kGiB);
  world.Jump();
  const Store store(world.choice(), Store::For::kReading);
  CHECK(store.model().files.at(0).page_shift == 30);
  const auto bytes = store.snapshot()->Read(0, 2 * kGiB - 3, 3);
  REQUIRE(bytes.ok());
  CHECK(AsText(bytes.value()) == "end");
  REQUIRE(world.Restore("small", "out") == ExitCode::kFine);
  CHECK(TextOf(world.path("out/small")) == "text");
}

TEST_CASE("An index that is torn at any byte leaves the one before it", "[tool][store]") {
  World world;
  const std::string index = (world.huge() / "store" / "index").string();
  world.Keep("first", {world.Write("a", "text")});
  const std::string old = TextOf(index);
  world.Keep("second", {world.Write("b", "text")});
  const std::string next = TextOf(index);
  REQUIRE(old.size() == next.size());
  // The index goes first, then the root: what was written when it stopped is a prefix of that order.
  std::string torn = old;
  std::vector<std::size_t> order;
  for (std::size_t i = kStoreRootsSize; i < next.size(); ++i) {
    if (old[i] != next[i]) order.push_back(i);
  }
  for (std::size_t i = 0; i < kStoreRootsSize; ++i) {
    if (old[i] != next[i]) order.push_back(i);
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    torn[order[i]] = next[order[i]];
    if (i % 7 == 0 || i + 1 == order.size()) {
      std::ofstream(index, std::ios::binary) << torn;
      const IndexFile file(index);
      const StoreModel model = DecodeStore(file.index(), index);
      CHECK(model.nodes.size() == (i + 1 == order.size() ? 2u : 1u));
    }
  }
}

TEST_CASE("A described file that changed its size is refused", "[tool][store]") {
  World world;
  const std::string guest = world.Write("huge/guest", std::string(4 * kPage, 'g'));
  world.Keep("vm", {guest});
  std::filesystem::resize_file(guest, 5 * kPage);
  Store store(world.choice(), Store::For::kWriting);
  CHECK(
      FailureOf([&] { store.Commit(store.model()); }) ==
      Format(
          "6: vm: {}: was 64 KiB when it was kept and is 80 KiB now: mkhandover drop vm, then keep what there is of it "
          "again",
          guest));
  CHECK(store.model().sequence == 1);
}

TEST_CASE("A store that has no folder yet is locked, too", "[tool][store]") {
  World world;
  world.Keep("text", {world.Write("a", "text")});
  world.Jump();
  const auto open = [&](Store::For use) { return FailureOf([&] { const Store store(world.choice(), use); }); };
  const std::string in_use =
      Format("7: {}: in use by another program: try again when it is done", (world.huge() / "store").string());
  {
    const Store reader(world.choice(), Store::For::kReading);
    CHECK(open(Store::For::kReading) == "none");
    CHECK(open(Store::For::kWriting) == in_use);
    CHECK(open(Store::For::kWriting) == in_use);  // Now that it has a folder.
    // Others lock the root of hugetlbfs by flock().
    const Descriptor root(::open(world.huge().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    CHECK(flock(root.get(), LOCK_EX | LOCK_NB) == 0);
    CHECK(open(Store::For::kReading) == "none");
  }
  const Store writer(world.choice(), Store::For::kWriting);
  CHECK(open(Store::For::kWriting) == in_use);
  CHECK(open(Store::For::kReading) == in_use);
}

TEST_CASE("A node of somebody else's that is called like the index is not the index", "[tool][store]") {
  World world;
  world.Write("memory/0x10000.bin", std::string(kPage, 'x'));
  MakeOptions make;
  make.output = world.path("other.dtb").string();
  make.ram_from = "none";
  make.preserve = {"64K+16K,name=store"};
  REQUIRE(RunMake(make, world.output()) == ExitCode::kFine);
  StoreChoice choice = world.choice();
  choice.handover = make.output;
  choice.memory = world.path("memory").string();
  const Store store(choice, Store::For::kWriting);
  CHECK(store.model().nodes.empty());
  CHECK(store.Forgotten().empty());
}

TEST_CASE("Memory that was not kept is not given back", "[tool][store]") {
  World world;
  world.Keep("node", {world.Write("a", std::string(3 * kPage, 'a'))});
  StoreModel model;
  {
    const Store store(world.choice(), Store::For::kReading);
    model = store.model();
  }
  world.Jump();
  // A handover that lost the node, but not the index.
  const std::string start = Hex(model.files.at(0).runs.at(0).start().raw());
  Draft::Node index{.name = std::string(kStoreNodeName),
                    .owner = std::string(kStoreOwner),
                    .fence = Fence::kReserved,
                    .ranges = {},
                    .sha256 = std::nullopt};
  for (const auto& entry : std::filesystem::directory_iterator(world.path("memory"))) {
    const std::string stem = entry.path().stem().string();
    if (stem != start) {
      index.ranges.push_back(
          PhysRange::FromStartSize(PhysAddr(std::stoull(stem, nullptr, 16)), entry.file_size()).value());
    }
  }
  Draft draft;
  draft.AddUnique(std::move(index));
  draft.Finish();
  WriteFile(world.path("kept.dtb").string(), draft.Encode());
  CHECK(FailureOf([&] { world.Restore("node", "out"); }).starts_with("1: contents-lost: data-1: ["));
}

TEST_CASE("No path and no link of a store leads out of the folder", "[tool][store]") {
  World world;
  world.Write("outside/file", "theirs");
  std::filesystem::create_directories(world.path("out/tree"));
  std::filesystem::create_directory_symlink(world.path("outside"), world.path("out/tree/sub"));
  world.Write("tree/sub/file", "ours");
  world.Keep("node", {world.path("tree").string()});
  CHECK(FailureOf([&] { world.Restore("node", "out"); }).ends_with("tree/sub: File exists"));
  CHECK(TextOf(world.path("outside/file")) == "theirs");
}

}  // namespace
}  // namespace holdfast::tool
