// SPDX-License-Identifier: BSD-2-Clause
// What is broken in a store is found and named, and nothing else is lost.

#include <catch2/catch.hpp>

#include "tests/e2e/base64.h"
#include "tests/e2e/store-scenario.h"

namespace holdfast::e2e {
namespace {

constexpr const char* kIndex = "/dev/hugepages/holdfast/index";
// Layout: common/abi/store.h.
constexpr std::uint64_t kRootSize = 4096;
constexpr std::uint64_t kVersionAt = 8;
constexpr unsigned kVersion1To2 = 1 ^ 2;
constexpr std::uint64_t kIndexDigestAt = 40;
constexpr std::uint64_t kBlock = std::uint64_t{2} << 20;

// Flips bits of a byte of a file on hugetlbfs; a second time gives back what was there.
void Flip(Guest& guest, const std::string& file, std::uint64_t offset, unsigned bits = 1) {
  const std::string at = std::to_string(offset);
  const std::string byte =
      FromBase64(guest.Run("dd if=" + file + " bs=1 skip=" + at + " count=1 2>/dev/null | base64").output);
  char hex[3];
  std::snprintf(hex, sizeof(hex), "%02x", static_cast<unsigned char>(byte.at(0)) ^ bits);
  guest.Run("poke " + file + " " + at + " " + hex);
}

void FlipInBothRoots(Guest& guest, std::uint64_t offset, unsigned bits = 1) {
  for (const std::uint64_t root : {std::uint64_t{0}, kRootSize}) Flip(guest, kIndex, root + offset, bits);
}

// The names of what is kept, one behind the other.
std::string Names(Guest& guest, const std::string& options = {}) {
  return guest.Run("mkhandover list" + options + " | cut -d ' ' -f 1 | tr '\\n' ' '").output;
}

// A verb that cannot do what it was asked for, and says why in one line.
void Refuses(Guest& guest, const std::string& command, int status, const std::string& line) {
  INFO(command);
  const CommandResult refused = guest.RunFails("mkhandover " + command);
  CHECK(refused.status == status);
  CHECK(refused.errors == "mkhandover: " + line + "\n");
}

// Two nodes, each of one save, so that both roots have been written.
void KeepTwo(Guest& guest) {
  guest.Run("echo 24 > /proc/sys/vm/nr_hugepages");
  guest.Run("mkdir /tmp/tree && pattern write /tmp/tree/other 1M 1 && echo small > /tmp/tree/small");
  guest.Run("pattern write /tmp/large 6M 2");
  guest.Run("mkhandover keep --name tree /tmp/tree");
  guest.Run("mkhandover keep --name large /tmp/large");
}

void CheckTree(Guest& guest, const std::string& options = {}) {
  guest.Run("rm -rf /tmp/out && mkhandover restore tree -C /tmp/out" + options);
  CHECK(guest.Run("pattern check /tmp/out/tree/other 1").output == "pattern: 0x1 intact, 0 of 256 pages differ\n");
  CHECK(guest.Run("cat /tmp/out/tree/small").output == "small\n");
}

}  // namespace

TEST_CASE("A store whose index is broken or newer is refused, and stays as it was", "[e2e][store][refusal]") {
  Guest guest({.memory = "512M", .kernel = "6.1"});
  KeepTwo(guest);
  const std::string folder = guest.Run("cd /dev/hugepages/holdfast && sha256sum *").output;
  const std::string index = std::string(kIndex) + ": ";

  // The newer root alone: the state before it, with a warning.
  Flip(guest, kIndex, kRootSize + kIndexDigestAt);
  const CommandResult older = guest.Run("mkhandover list");
  CHECK(older.output.starts_with("tree "));
  CHECK(older.output.find("large") == std::string::npos);
  CHECK(older.errors ==
        "mkhandover: warning: /dev/hugepages/holdfast: one of the two roots of its index is broken: what was saved "
        "last may be missing\n");
  Flip(guest, kIndex, kRootSize + kIndexDigestAt);
  CHECK(Names(guest) == "tree large ");

  // Both, for each verb, whether it would write or not.
  FlipInBothRoots(guest, kIndexDigestAt);
  const std::string broken = index + "bad-digest: digest differs";
  for (const char* command : {"list", "restore tree -C /tmp/out", "drop tree", "keep --name more /tmp/large",
                              "make -o /dev/hugepages/handover --store /dev/hugepages/holdfast"}) {
    Refuses(guest, command, 6, broken);
  }
  FlipInBothRoots(guest, kIndexDigestAt);

  FlipInBothRoots(guest, kVersionAt, kVersion1To2);
  for (const char* command : {"list", "keep --name more /tmp/large"}) {
    Refuses(guest, command, 6, index + "bad-version: version 0x2 is not known");
  }
  FlipInBothRoots(guest, kVersionAt, kVersion1To2);

  CHECK(guest.Run("cd /dev/hugepages/holdfast && sha256sum *").output == folder);
  CheckTree(guest);
}

TEST_CASE("A flipped bit and a kexec without a report cost what they must, and nothing else", "[e2e][store][refusal]") {
  Guest guest({.memory = "512M", .kernel = "6.1", .carried = {"6.1", "6.12"}});
  KeepTwo(guest);
  const std::string option = HandStoreOver(guest);
  Flip(guest, "/dev/hugepages/holdfast/data-2", kBlock + 4711);
  LoadKernel(guest, {.kernel = "6.12", .append = option});
  guest.Kexec();

  Refuses(guest, "restore large -q -C /tmp", 1,
          "contents-lost: large: large from offset 2097152 on is not what its digest says; what is left of it ends in "
          ".damaged");
  guest.Run("pattern write /tmp/as-it-was 6M 2");
  const auto part = [&guest](const std::string& file, std::uint64_t number) {
    return guest.Run("dd if=" + file + " bs=2M skip=" + std::to_string(number) + " count=1 2>/dev/null | sha256sum")
        .output;
  };
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{2}}) {
    CHECK(part("/tmp/large.damaged", number) == part("/tmp/as-it-was", number));
  }
  CheckTree(guest);

  // Plainly on to a third kernel: what is kept stays fenced, but nobody says what it is.
  guest.Run("mkhandover report --handover /tmp/handover");
  const std::string handover = guest.Pull("/tmp/handover");
  LoadKernel(guest, {.kernel = "6.1", .kexec = "kexec-stock"});
  guest.Kexec("kexec-stock -e");
  CHECK(guest.Run("mkhandover list").output ==
        "nothing is kept in this boot, and no report says what was before it: if an earlier kernel kept something, "
        "give its handover with --handover FILE\n");
  Refuses(guest, "restore tree -C /tmp", 1, "tree: nothing is kept under that name: mkhandover list shows what is");
  guest.Push("/tmp/handover", handover);
  const std::string by_hand = " --handover /tmp/handover";
  CHECK(Names(guest, by_hand) == "tree large ");
  CheckTree(guest, by_hand);

  // Whoever writes into the store then takes it over, and the next kernel has all of it again.
  guest.Run("echo 8 > /proc/sys/vm/nr_hugepages");
  guest.Run("echo more > /tmp/more && mkhandover keep --name more /tmp/more" + by_hand);
  LoadKernel(guest, {.kernel = "6.12", .append = HandStoreOver(guest)});
  guest.Kexec();
  CHECK(Names(guest) == "tree large more ");
  CheckTree(guest);
  CHECK(guest.Run("mkhandover restore more -C -").output == "more\n");
}

}  // namespace holdfast::e2e
