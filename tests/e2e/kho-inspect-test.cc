// SPDX-License-Identifier: BSD-2-Clause
// What a KHO kernel preserves, as `mkhandover inspect` reads it: from captured memory, and live in the next kernel.

#include <catch2/catch.hpp>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/e2e/image-scenario.h"
#include "tests/e2e/initramfs.h"
#include "tests/e2e/kho-scenario.h"
#include "tests/e2e/page-pattern.h"

namespace holdfast::e2e {
namespace {

using Json = nlohmann::json;

std::vector<Extent> Ranges(const Json& json, const char* name) {
  std::vector<Extent> ranges;
  for (const Json& range : json.at(name)) {
    ranges.push_back({std::stoull(range.at("start").get<std::string>(), nullptr, 0), range.at("size")});
  }
  return Joined(ranges);
}

// All that was found by the harness's own walk, and who sent it.
void CheckMap(const Json& json, const KhoMap& map, const std::string& release) {
  INFO(json.dump(1));
  CHECK(json.at("dialect") == "kho-v4");
  CHECK(Ranges(json, "preserved") == map.preserved);
  CHECK(NotInside(Ranges(json, "structures"), map.structures) == std::vector<Extent>());
  CHECK(json.at("bytes") == BytesOf(map.preserved));
  CHECK(json.at("problems").empty());
  CHECK(json.at("metadata").at("release") == release);
  CHECK(json.at("metadata").at("count") == 1);
}

}  // namespace

TEST_CASE("KHO: a sender's memory, captured, tells all that it preserves", "[e2e][kho][inspect]") {
  Guest guest(KhoGuest());
  KeepInSession(guest, "16M");
  guest.Stop();
  const std::uint64_t tree = KhoTree(guest);
  const KhoMap map = WalkKhoMap(guest, tree);
  const TempDir folder;
  guest.Dump(folder.path() / "core");
  const std::span<const std::byte> page = guest.memory().View(tree, kPageSize);
  std::ofstream(folder.path() / "tree", std::ios::binary)
      .write(reinterpret_cast<const char*>(page.data()), static_cast<std::streamsize>(page.size()));

  RunHere(Quoted(BuildDir() / "mkhandover") + " inspect --json --memory " + Quoted(folder.path() / "core") + " " +
          Quoted(folder.path() / "tree") + " > " + Quoted(folder.path() / "answer"));
  CheckMap(Json::parse(ReadFile(folder.path() / "answer")), map, guest.kernel_release());
}

TEST_CASE("KHO: a kernel that is fenced from it tells all that was preserved", "[e2e][kho][inspect]") {
  Guest guest(KhoGuestWithImage("6.1", "vmlinux"));
  const KeptPages kept = KeepInSession(guest, "16M");
  const std::string release = guest.kernel_release();
  Farewell farewell(guest);
  LoadWithKernelsLoader(guest, std::string(kStageName), "");
  farewell.Leave();
  guest.Expect("init: up ");

  const Json json = Json::parse(guest.Run("mkhandover inspect --json /sys/kernel/boot_params/setup_data").output);
  CheckMap(json, farewell.map(), release);
  CHECK(Ranges(json, "scratch").size() == 1);  // neighbours, all three
  const Json& session = json.at("luo").at("sessions").at(0);
  CHECK(session.at("name") == "guests");
  CHECK(session.at("files").at(0).at("token") == 7);
  CHECK(session.at("files").at(0).at("memfd").at("size") == kept.bytes());
}

}  // namespace holdfast::e2e
