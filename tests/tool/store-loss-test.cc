// SPDX-License-Identifier: BSD-2-Clause
// What is lost is named and left out, and nothing else is lost with it: pages that failed, bits that flipped, described
// files that are gone.

#include "tests/tool/store-world.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/store/open-store.h"

namespace holdfast::tool {
namespace {

constexpr const char* kGone = "is gone: the kernel put that page aside for memory failure";

// A file of four pages, "aaa...bbb...ccc...ddd...".
std::string FourPages() {
  return std::string(kPage, 'a') + std::string(kPage, 'b') + std::string(kPage, 'c') + std::string(kPage, 'd');
}

// With a hole for the page of that letter.
std::string Without(char letter) {
  std::string out = FourPages();
  std::replace(out.begin(), out.end(), letter, '\0');
  return out;
}

std::uint64_t BytesKeptAs(const World& world, const std::string& name) {
  const HandoverFile handover(ReadFile(world.path("kept.dtb").string()), "kept.dtb", "none");
  std::uint64_t sum = 0;
  for (const KeptPiece& piece : handover.pieces()) {
    sum += piece.name == name ? piece.range.size() : 0;
  }
  return sum;
}

TEST_CASE("Pages that failed are left out and named, and the others come back", "[tool][store]") {
  const bool digest = GENERATE(false, true);
  World world;
  const std::string guest = world.Write("huge/guest", FourPages());
  world.Write("huge/guest.poisoned", "1\n");
  KeepOptions keep;
  keep.store = world.choice();
  keep.name = "vm";
  keep.files = {guest};
  keep.digest = digest;
  REQUIRE(RunKeep(keep, world.output()) == ExitCode::kFine);
  const std::string warning = Format(
      "mkhandover: warning: vm: {} from offset 0x4000 on, 16 KiB: left out: the kernel has put this page aside "
      "for memory failure\n",
      guest);
  CHECK(world.TakeErrors() == warning);
  const std::string complaint = Format(
      "mkhandover: contents-lost: vm: guest from offset 16384 on {}; what is left of it "
      "ends in .damaged\n",
      kGone);
  CHECK(world.Restore("vm", "before") == ExitCode::kFound);
  CHECK(world.TakeErrors() == complaint);
  CHECK(TextOf(world.path("before/guest.damaged")) == Without('b'));

  world.Jump();
  CHECK(world.TakeErrors() == warning);
  CHECK(BytesKeptAs(world, "vm") == 3 * kPage);
  CHECK(world.Restore("vm", "after") == ExitCode::kFound);
  CHECK(world.TakeErrors() == complaint);
  CHECK(TextOf(world.path("after/guest.damaged")) == Without('b'));
  // On to the next kernel, where it is still known what is missing.
  world.Keep("more", {world.Write("more", "more")});
  world.TakeErrors();
  world.Jump();
  CHECK(world.Restore("vm", "third") == ExitCode::kFound);
  CHECK(TextOf(world.path("third/guest.damaged")) == Without('b'));
}

TEST_CASE("A page that fails after it was kept is found when the store is handed over", "[tool][store]") {
  World world;
  const std::string guest = world.Write("huge/guest", FourPages());
  world.Keep("vm", {guest});
  world.Keep("copy", {world.Write("copy", std::string(3 * kPage, 'x'))});
  CHECK(world.TakeErrors().empty());
  world.Write("huge/guest.poisoned", "3 0\n");
  world.Write("huge/store/data-2.poisoned", "2");
  world.Jump();
  CHECK(
      world.TakeErrors() ==
      Format("mkhandover: warning: vm: {} from offset 0x0 on, 32 KiB: left out: the kernel has put 2 pages of it aside "
             "for memory failure\n"
             "mkhandover: warning: copy: {}/store/data-2 from offset 0x8000 on, 16 KiB: left out: the kernel has put "
             "this page aside for memory failure\n",
             guest, world.huge().string()));
  CHECK(world.Restore("vm", "out") == ExitCode::kFound);
  CHECK(TextOf(world.path("out/guest.damaged")) ==
        std::string(kPage, '\0') + std::string(kPage, 'b') + std::string(kPage, 'c') + std::string(kPage, '\0'));
  CHECK(world.Restore("copy", "out") == ExitCode::kFound);
  CHECK(world.TakeErrors() ==
        Format("mkhandover: contents-lost: vm: guest from offset 0 on {0}; what is left of it ends in .damaged\n"
               "mkhandover: contents-lost: copy: copy from offset 0 on {0}; what is left of it ends in .damaged\n",
               kGone));
}

TEST_CASE("A new index with a page that failed is not left behind", "[tool][store]") {
  World world;
  world.Write("huge/store/index.new.poisoned", "0");
  KeepOptions keep;
  keep.store = world.choice();
  keep.name = "node";
  keep.files = {world.Write("file", "text")};
  CHECK(FailureOf([&] { RunKeep(keep, world.output()); }) ==
        Format("6: {}/store/index: the kernel has put a page of it aside for memory failure: keep what is still there "
               "in another store, with --store DIR",
               world.huge().string()));
  CHECK_FALSE(std::filesystem::exists(world.path("huge/store/index.new")));
  CHECK_FALSE(std::filesystem::exists(world.path("huge/store/index")));
}

TEST_CASE("A program reads what is left of pages that failed", "[tool][store][library]") {
  World world;
  const std::string guest = world.Write("huge/guest", FourPages());
  world.Write("huge/guest.poisoned", "2");
  world.Keep("vm", {guest});
  for (const bool jump : {false, true}) {
    if (jump) {
      world.Jump();
    }
    holdfast_store* store = OpenStore(world.choice(), false);
    holdfast_load* load = nullptr;
    REQUIRE(holdfast_prepare_load(store, "vm", &load) == 0);
    REQUIRE(holdfast_find_object(load, "guest") == 0);
    const std::string line = Format("contents-lost: vm: guest from offset 32768 on {}", kGone);
    const void* mapped = nullptr;
    std::size_t size = 0;
    CHECK(holdfast_map_object(load, &mapped, &size) == 1);
    CHECK(std::string(holdfast_error()) == line);
    std::string text(2 * kPage, '\0');
    CHECK(holdfast_load_pages(load, kPage, text.data(), text.size(), &size) == 1);
    CHECK(std::string(holdfast_error()) == line);
    REQUIRE(holdfast_load_pages(load, 0, text.data(), text.size(), &size) == 0);
    CHECK(text == FourPages().substr(0, 2 * kPage));
    REQUIRE(holdfast_load_pages(load, 3 * kPage, text.data(), text.size(), &size) == 0);
    CHECK(text.substr(0, size) == std::string(kPage, 'd'));
    holdfast_finish_load(load);
    holdfast_close(store);
  }
}

TEST_CASE("A file that is damaged is damaged under each of its names", "[tool][store]") {
  World world;
  world.Write("tree/file", std::string(kPage, 'x'));
  std::filesystem::create_hard_link(world.path("tree/file"), world.path("tree/same"));
  world.Write("tree/other", "fine");
  world.Keep("node", {world.path("tree").string()});
  world.Jump();
  std::string start;
  {
    const Store store(world.choice(), Store::For::kReading);
    const KeptNode& node = store.Find("node");
    const auto object = std::find_if(node.objects.begin(), node.objects.end(),
                                     [](const KeptObject& each) { return each.about.size == kPage; });
    REQUIRE(object->extents.at(0).file_offset < kPage);
    start = Hex(store.model().files.at(0).runs.at(0).start().raw());
    std::fstream memory(world.path("memory") / (start + ".bin"), std::ios::binary | std::ios::in | std::ios::out);
    memory.seekp(static_cast<std::streamoff>(object->extents[0].file_offset)).put('y');
  }
  CHECK(world.Restore("node", "out") == ExitCode::kFound);
  const std::string errors = world.TakeErrors();
  for (const std::string name : {"file", "same"}) {
    INFO(name << "\n" << errors);
    CHECK(errors.find(Format("mkhandover: contents-lost: node: tree/{} from offset 0 on is not what its digest says; "
                             "what is left of it ends in .damaged\n",
                             name)) != std::string::npos);
    CHECK(std::filesystem::exists(world.path("out/tree/" + name + ".damaged")));
    CHECK_FALSE(std::filesystem::exists(world.path("out/tree/" + name)));
  }
  CHECK(TextOf(world.path("out/tree/other")) == "fine");
  CHECK(std::filesystem::last_write_time(world.path("out/tree")) ==
        std::filesystem::last_write_time(world.path("tree")));
}

TEST_CASE("Described files that are gone are named with their node, which can be dropped", "[tool][store]") {
  World world;
  const std::string first = world.Write("huge/first", FourPages());
  const std::string second = world.Write("huge/second", FourPages());
  world.Keep("n1", {first});
  world.Keep("n2", {second});
  std::filesystem::remove(first);
  std::filesystem::remove(second);
  Store store(world.choice(), Store::For::kWriting);
  CHECK(FailureOf([&] { store.Commit(store.model()); }) ==
        Format("6: n1: {}: is gone: mkhandover drop n1, then keep what there is of it again", first));
  store.Drop("n1");
  CHECK(FailureOf([&] { store.Commit(store.model()); }) ==
        Format("6: n2: {}: is gone: mkhandover drop n2, then keep what there is of it again", second));
  store.Drop("n2");
  CHECK(FailureOf([&] { store.Drop("n2"); }) ==
        "1: n2: nothing is kept under that name: mkhandover list shows what is");
  store.Commit(store.model());
  CHECK(store.model().files.empty());
}

}  // namespace
}  // namespace holdfast::tool
