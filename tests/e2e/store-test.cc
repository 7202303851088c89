// SPDX-License-Identifier: BSD-2-Clause
// What was put into the store comes back under the next kernel, whatever that is.

#include <catch2/catch.hpp>

#include "tests/e2e/scenario.h"

namespace holdfast::e2e {
namespace {

constexpr std::string_view kMakeTree = R"sh(
set -e
mkdir -p /tmp/tree/many /tmp/tree/empty
cd /tmp/tree
dd if=/dev/urandom of=large bs=1M count=40 2>/dev/null
i=0
while [ $i -lt 300 ]; do echo "file $i" > many/$i; i=$((i + 1)); done
truncate -s 64M sparse
echo end >> sparse
ln large hard
ln -s many/7 soft
mkfifo fifo
chmod 4711 many/3
chown 1000:100 many/4
touch -h -d '2001-02-03 04:05:06' soft
touch -d '1985-10-26 01:21:00' large many empty .
)sh";

// All that a tree is, in text.
std::string Shown(Guest& guest, const std::string& folder) {
  return guest
      .Run("cd " + folder +
           " && find . | sort | while read -r f; do stat -c '%n %F %a %u %g %h %s %Y' \"$f\"; done && "
           "find . -type l | while read -r f; do readlink \"$f\"; done && "
           "find . -type f | sort | while read -r f; do sha256sum \"$f\"; done")
      .output;
}

std::string SumOf(Guest& guest, const std::string& file) { return guest.Run("sha256sum < " + file).output; }

// `mkhandover make` for what is in the store; the option for the next kernel.
std::string HandStoreOver(Guest& guest, const std::string& more = {}) {
  return guest.Run("mkhandover make -o /dev/hugepages/handover --store /dev/hugepages/holdfast" + more).output;
}

void Jump(Guest& guest, const std::string& kernel, std::string option) {
  option.erase(option.find_last_not_of('\n') + 1);
  LoadKernel(guest, {.kernel = kernel, .append = option});
  guest.Kexec();
}

}  // namespace

TEST_CASE("Files in the store come back under another kernel, and under a third", "[e2e][store]") {
  Guest guest({.memory = "1G", .cpus = 2, .kernel = "6.1", .carried = {"6.12", "new"}});
  guest.Run("echo 80 > /proc/sys/vm/nr_hugepages");
  guest.Run(std::string(kMakeTree));
  const std::string tree = Shown(guest, "/tmp/tree");
  guest.Run("dd if=/dev/urandom of=/tmp/vm bs=1M count=16 2>/dev/null");
  const std::string vm = SumOf(guest, "/tmp/vm");
  // The memory of a guest of this guest, which is not moved.
  FillPages(guest, "16M", {.file = "/dev/hugepages/vm", .seed = 7});
  const std::string described = SumOf(guest, "/dev/hugepages/vm");

  guest.Run("mkhandover keep --name tree /tmp/tree");
  guest.Run("mkhandover keep --name vm --digest /dev/hugepages/vm");
  guest.Run("mkhandover keep --name cache --fence pram /tmp/vm");
  guest.Run("mkhandover keep --name stream --zstd - < /tmp/vm");
  Jump(guest, "6.12", HandStoreOver(guest));

  const std::string list = guest.Run("mkhandover list").output;
  CHECK(list.find("tree ") != std::string::npos);
  CHECK(list.find("vm ") != std::string::npos);
  guest.Run("mkhandover restore tree -C /tmp");
  CHECK(Shown(guest, "/tmp/tree") == tree);
  guest.Run("mkhandover restore vm -C /tmp");
  CHECK(SumOf(guest, "/tmp/vm") == described);
  guest.Run("rm /tmp/vm && mkhandover restore cache -C /tmp");
  CHECK(SumOf(guest, "/tmp/vm") == vm);
  guest.Run("mkhandover restore stream -C - > /tmp/stream");
  CHECK(SumOf(guest, "/tmp/stream") == vm);

  // What is not dropped goes on; what is, does not.
  guest.Run("rm -r /tmp/tree /tmp/vm /tmp/stream");
  guest.Run("echo 16 > /proc/sys/vm/nr_hugepages");
  guest.Run("mkhandover drop stream");
  guest.Run("echo more > /tmp/more && mkhandover keep --name more /tmp/more");
  Jump(guest, "new", HandStoreOver(guest, " --range-list"));
  guest.Run("mkhandover restore tree -C /tmp");
  CHECK(Shown(guest, "/tmp/tree") == tree);
  guest.Run("mkhandover restore vm -C /tmp");
  CHECK(SumOf(guest, "/tmp/vm") == described);
  CHECK(guest.Run("mkhandover restore more -C -").output == "more\n");
  CHECK(guest.RunFails("mkhandover restore stream -C /tmp").status == 1);
}

TEST_CASE("A store that finds no free huge page says so, and stays as it was", "[e2e][store][exhaustive]") {
  Guest guest({.memory = "512M", .kernel = "6.1"});
  guest.Run("echo 6 > /proc/sys/vm/nr_hugepages");
  guest.Run("dd if=/dev/urandom of=/tmp/small bs=1M count=1 2>/dev/null");
  guest.Run("dd if=/dev/urandom of=/tmp/large bs=1M count=40 2>/dev/null");
  guest.Run("mkhandover keep --name small /tmp/small");
  const CommandResult refused = guest.RunFails("mkhandover keep --name large /tmp/large");
  CHECK(refused.status == 7);
  CHECK(refused.errors.find("no free huge page") != std::string::npos);
  CHECK(guest.Run("ls -1 /dev/hugepages/holdfast").output == "data-1\nindex\n");
  guest.Run("mkhandover restore small -C /tmp/out && cmp /tmp/small /tmp/out/small");
  guest.Run("mkhandover drop small");
  CHECK(guest.Run("ls -1 /dev/hugepages/holdfast").output == "index\n");
}

}  // namespace holdfast::e2e
