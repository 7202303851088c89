// SPDX-License-Identifier: BSD-2-Clause
// The store on a folder of ordinary files: saved as a whole or not at all, and the same again over a kexec that is
// played by files named by their address.

#include "tools/mkhandover/store/store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

#include "tests/support/random.h"
#include "tests/tool/scratch-folder.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/store/index-file.h"
#include "tools/mkhandover/store/open-store.h"
#include "tools/mkhandover/store/restorer.h"
#include "tools/mkhandover/store/walk.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::uint64_t kPage = 16 * kKiB;

class World {
 public:
  World() { std::filesystem::create_directory(huge()); }

  std::filesystem::path huge() const { return folder_.path() / "huge"; }
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
  Output& output() { return output_; }

  StoreChoice choice() const {
    StoreChoice out;
    out.folder = (huge() / "store").string();
    out.plain = Format("{},{}", huge().string(), kPage);
    if (has_jumped_) {
      out.handover = path("kept.dtb").string();
      out.memory = path("memory").string();
    }
    return out;
  }

  std::string Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(path(name).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name).string();
  }

  void Keep(const std::string& name, const std::vector<std::string>& files, bool zstd = false) {
    KeepOptions options;
    options.store = choice();
    options.name = name;
    options.files = files;
    options.zstd = zstd;
    REQUIRE(RunKeep(options, output_) == ExitCode::kFine);
  }

  ExitCode Restore(const std::string& name, const std::string& folder) {
    RestoreOptions options;
    options.store = choice();
    options.name = name;
    options.folder = path(folder).string();
    return RunRestore(options, output_);
  }

  // What is kept becomes memory, and the folder is as empty as it is after a kexec.
  void Jump() {
    MakeOptions make;
    make.output = path("kept.dtb").string();
    make.with_store = true;
    make.store = choice();
    make.ram_from = "none";
    REQUIRE(RunMake(make, output_) == ExitCode::kFine);
    std::filesystem::create_directory(path("memory"));
    {
      const Store store(choice(), Store::For::kReading);
      CopyPages((huge() / "store" / "index").string(), store.IndexRuns());
      for (const KeptFile& file : store.model().files) {
        if (file.kind != StoreFileKind::kCarried) {
          CopyPages(store.PathOf(file), file.runs);
        }
      }
    }
    std::filesystem::remove_all(huge());
    std::filesystem::create_directory(huge());
    has_jumped_ = true;
  }

 private:
  void CopyPages(const std::string& file, const std::vector<PhysRange>& runs) const {
    std::ifstream in(file, std::ios::binary);
    for (const PhysRange& run : runs) {
      std::vector<char> bytes(run.size());
      in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      std::ofstream(path("memory") / (Hex(run.start().raw()) + ".bin"), std::ios::binary)
          .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }
  }

  ScratchFolder folder_;
  std::ostringstream out_;
  std::ostringstream err_;
  Output output_{out_, err_, {}, {}};
  bool has_jumped_ = false;
};

std::string TextOf(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

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

template <typename Act>
std::string FailureOf(Act act) {
  try {
    act();
    return "none";
  } catch (const Failure& failure) {
    return Format("{}: {}", static_cast<int>(failure.code()), failure.what());
  }
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
      Format("6: {}: was 64 KiB when it was kept and is 80 KiB now: drop what describes it and keep it again", guest));
  CHECK(store.model().sequence == 1);
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
  MakeOptions make;
  make.output = world.path("kept.dtb").string();
  make.ram_from = "none";
  const Store carried(world.choice(), Store::For::kReading);
  for (const auto& entry : std::filesystem::directory_iterator(world.path("memory"))) {
    if (entry.path().stem() != start) {
      make.preserve.push_back(
          Format("{}+{},name=store", entry.path().stem().string(), std::filesystem::file_size(entry.path())));
    }
  }
  REQUIRE(RunMake(make, world.output()) == ExitCode::kFine);
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

TEST_CASE("A program saves and loads through the library", "[tool][store][library]") {
  World world;
  std::string pages(5 * kMiB + 123, '\0');
  test::Random random(4);
  for (char& c : pages) {
    c = static_cast<char>(random.Below(256));
  }
  holdfast_store* store = OpenStore(world.choice(), true);
  holdfast_save* save = nullptr;
  REQUIRE(holdfast_prepare_save(store, "guest", 64 * kMiB, &save) == 0);
  CHECK(holdfast_save_pages(save, 0, pages.data(), 1) == 2);
  CHECK(std::string(holdfast_error()) == "no object yet: begin one first");
  REQUIRE(holdfast_save_object(save, "memory") == 0);
  REQUIRE(holdfast_save_pages(save, 8192, pages.data(), pages.size()) == 0);
  CHECK(holdfast_save_pages(save, 4096, pages.data(), 1) == 2);
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(holdfast_write_bytes(save, "device state", 12) == 0);
  }
  REQUIRE(holdfast_save_object(save, "cache") == 0);
  void* cache = nullptr;
  REQUIRE(holdfast_map_pages(save, 0, 3 * kPage, &cache) == 0);
  std::memset(cache, 'c', 3 * kPage);
  REQUIRE(holdfast_finish_save(save) == 0);
  holdfast_save* discarded = nullptr;
  REQUIRE(holdfast_prepare_save(store, "other", kMiB, &discarded) == 0);
  REQUIRE(holdfast_save_object(discarded, "x") == 0);
  holdfast_discard_save(discarded);
  CHECK(holdfast_prepare_save(store, "guest", kMiB, &discarded) == 2);
  CHECK(discarded == nullptr);
  holdfast_close(store);

  world.Jump();
  store = OpenStore(world.choice(), false);
  holdfast_load* load = nullptr;
  CHECK(holdfast_prepare_load(store, "other", &load) == 1);
  REQUIRE(holdfast_prepare_load(store, "guest", &load) == 0);
  const char* name = nullptr;
  REQUIRE(holdfast_load_object(load, &name) == 0);
  CHECK(std::string(name) == "memory");
  REQUIRE(holdfast_pages_size(load) == 8192 + pages.size());
  CHECK(holdfast_bytes_size(load) == 12000);
  std::string loaded(8192 + pages.size() + 10, 'z');
  std::size_t done = 0;
  REQUIRE(holdfast_load_pages(load, 0, loaded.data(), loaded.size(), &done) == 0);
  CHECK(done == 8192 + pages.size());
  CHECK(loaded.substr(0, done) == std::string(8192, '\0') + pages);
  REQUIRE(holdfast_load_pages(load, 3 * kMiB, loaded.data(), 100, &done) == 0);
  CHECK(loaded.substr(0, 100) == pages.substr(3 * kMiB - 8192, 100));
  std::string state(13, '\0');
  REQUIRE(holdfast_read_bytes(load, state.data(), 13, &done) == 0);
  CHECK(state == "device stated");
  const void* mapped = nullptr;
  std::size_t size = 0;
  CHECK(holdfast_map_object(load, &mapped, &size) == 2);
  REQUIRE(holdfast_find_object(load, "cache") == 0);
  REQUIRE(holdfast_map_object(load, &mapped, &size) == 0);
  CHECK(std::string(static_cast<const char*>(mapped), size) == std::string(3 * kPage, 'c'));
  REQUIRE(holdfast_load_object(load, &name) == 0);
  CHECK(name == nullptr);
  CHECK(holdfast_find_object(load, "nothing") == 1);
  holdfast_finish_load(load);
  holdfast_close(store);
}

}  // namespace
}  // namespace holdfast::tool
