// SPDX-License-Identifier: BSD-2-Clause
// Restores that do not give back everything: what is incomplete never has a good name.

#include "tests/tool/store-world.h"

namespace holdfast::tool {
namespace {

TEST_CASE("What is damaged takes nobody's name, and all else comes back", "[tool][store]") {
  World world;
  const std::string guest = world.Write("huge/guest", std::string(2 * kPage, 'g'));
  world.Write("huge/guest.poisoned", "0");
  const std::string other = world.Write("guest.damaged", "other");
  std::filesystem::permissions(other, std::filesystem::perms{0640});
  world.Keep("vm", {other, guest});
  world.TakeErrors();
  std::filesystem::create_directories(world.path("out/guest.damaged-2"));
  CHECK(world.Restore("vm", "out") == ExitCode::kFound);
  CHECK(world.TakeErrors() ==
        "mkhandover: contents-lost: vm: guest from offset 0 on is gone: the kernel put that page aside for memory "
        "failure; what is left of it ends in .damaged-3\n");
  CHECK_FALSE(std::filesystem::exists(world.path("out/guest")));
  CHECK(TextOf(world.path("out/guest.damaged-3")) == std::string(kPage, '\0') + std::string(kPage, 'g'));
  CHECK(TextOf(world.path("out/guest.damaged")) == "other");
  CHECK(std::filesystem::status(world.path("out/guest.damaged")).permissions() == std::filesystem::perms{0640});
}

TEST_CASE("What is damaged and cannot be renamed is removed", "[tool][store]") {
  World world;
  const std::string name(250, 'n');
  world.Keep("node", {world.Write(name, "contents")});
  std::fstream(world.huge() / "store/data-1", std::ios::binary | std::ios::in | std::ios::out).put('x');
  CHECK(world.Restore("node", "out") == ExitCode::kFound);
  CHECK(world.TakeErrors() ==
        Format("mkhandover: warning: {}/{}: not renamed to end in .damaged, and removed: File name too long\n"
               "mkhandover: contents-lost: node: {} from offset 0 on is not what its digest says; nothing is left of "
               "it\n",
               world.path("out").string(), name, name));
  CHECK(std::filesystem::is_empty(world.path("out")));
}

// A node of a folder with all kinds of names, and of a file behind it.
void KeepTree(World& world) {
  world.Write("tree/sub/file", std::string(3 * kPage, 'f'));
  std::filesystem::create_hard_link(world.path("tree/sub/file"), world.path("tree/same"));
  std::filesystem::create_symlink("sub/file", world.path("tree/link"));
  world.Keep("node", {world.path("tree").string(), world.Write("last", "last")});
}

void CheckFoldersAlone(const World& world) {
  for (const auto& each : std::filesystem::recursive_directory_iterator(world.path("out/tree"))) {
    INFO(each.path());
    CHECK(std::filesystem::symlink_status(each).type() == std::filesystem::file_type::directory);
  }
}

TEST_CASE("A restore that finds a name taken leaves folders alone, and can be tried again", "[tool][store]") {
  World world;
  KeepTree(world);
  world.Write("out/last", "mine");
  CHECK(FailureOf([&] { world.Restore("node", "out"); }) ==
        Format("7: {}: File exists", world.path("out/last").string()));
  CheckFoldersAlone(world);
  CHECK(TextOf(world.path("out/last")) == "mine");
  std::filesystem::remove(world.path("out/last"));
  CHECK(world.Restore("node", "out") == ExitCode::kFine);
  CHECK(TextOf(world.path("out/tree/link")) == std::string(3 * kPage, 'f'));
  CHECK(TextOf(world.path("out/last")) == "last");
}

TEST_CASE("A restore whose copying fails leaves folders alone", "[tool][store]") {
  World world;
  KeepTree(world);
  world.Jump();
  std::string start;
  {
    const Store store(world.choice(), Store::For::kReading);
    start = Hex(store.model().files.at(0).runs.at(0).start().raw());
  }
  std::filesystem::remove(world.path("memory") / (start + ".bin"));
  CHECK(FailureOf([&] { world.Restore("node", "out"); }).starts_with("6: unreadable: "));
  CheckFoldersAlone(world);
  CHECK_FALSE(std::filesystem::exists(world.path("out/last")));
}

}  // namespace
}  // namespace holdfast::tool
