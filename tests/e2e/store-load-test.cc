// SPDX-License-Identifier: BSD-2-Clause
// A store is handed over at the last moment, wherever its pages are by then.

#include <catch2/catch.hpp>

#include "tests/e2e/image-scenario.h"

namespace holdfast::e2e {
namespace {

constexpr const char* kHook = "/sbin/holdfast.shutdown";
constexpr const char* kDescribed = "/dev/hugepages/vm";

// The kernel moves a page away as if its memory had begun to fail.
void MoveFirstPage(Guest& guest, const KeptPages& kept) {
  guest.Run("echo " + Hex(kept.extents.front().start) + " > /sys/devices/system/memory/soft_offline_page");
}

std::string IsLoaded(Guest& guest) { return guest.Run("cat /sys/kernel/kexec_loaded").output; }

}  // namespace

TEST_CASE("A page that moves after load --store is handed over where it is at the end", "[e2e][store][load]") {
  Guest guest({.memory = "1G",
               .cpus = 2,
               .kernel = "6.12",
               .carried = {"new"},
               .files = {StageFile(Stage()), {"tools/mkhandover/systemd/holdfast.shutdown", kHook}}});
  guest.Run("echo 60 > /proc/sys/vm/nr_hugepages");
  guest.Run("dd if=/dev/urandom of=/tmp/copied bs=1M count=8 2>/dev/null");
  const KeptPages before = FillPages(guest, "16M", {.file = kDescribed, .seed = 7});
  const std::string sums = guest.Run("sha256sum < /tmp/copied && sha256sum < /dev/hugepages/vm").output;
  guest.Run("mkhandover keep --name copied /tmp/copied");
  guest.Run("mkhandover keep --name vm /dev/hugepages/vm");
  MakeInitrd(guest);
  guest.Run("mkhandover make -q --store -o /tmp/handover");
  guest.Run("mkhandover check --store --handover /tmp/handover");
  guest.Run("mkhandover load --store --stage /kernels/stage --kernel /kernels/new --initrd /tmp/initrd --cmdline '" +
            std::string(kConsoleOptions) + "'");
  CHECK(IsLoaded(guest) == "1\n");

  MoveFirstPage(guest, before);
  const std::vector<Extent> now = ExtentsOf(guest, kDescribed);
  REQUIRE(now.front().start != before.extents.front().start);
  const CommandResult moved = guest.RunFails("mkhandover check --store --handover /tmp/handover");
  CHECK(moved.status == 1);
  CHECK(moved.output == "moved: vm: /dev/hugepages/vm from offset 0x0 on was at " + Hex(before.extents.front().start) +
                            " and lies at " + RangeText(now.front().start, now.front().size) +
                            ", which the handover does not keep: make the handover again\n");

  // What it was loaded from is gone as it is when file systems are unmounted; so is every process.
  guest.Run("rm -r /kernels /tmp/initrd /tmp/handover");
  guest.TryRun("kill -9 -1");
  guest.Run("sh " + std::string(kHook) + " reboot && mv /dev/hugepages/vm /dev/hugepages/elsewhere");
  CHECK(IsLoaded(guest) == "1\n");
  CHECK(guest.RunFails("sh " + std::string(kHook) + " kexec").status == 6);
  CHECK(IsLoaded(guest) == "0\n");
  guest.Expect(
      "holdfast: mkhandover: vm: /dev/hugepages/vm: is gone: mkhandover drop vm, then keep what there is of it again");
  guest.Expect("holdfast: nothing is kept: mkhandover load --again: status 6");
  guest.Run("mv /dev/hugepages/elsewhere /dev/hugepages/vm");
  guest.Run("sh " + std::string(kHook) + " kexec");
  CHECK(IsLoaded(guest) == "1\n");
  guest.Leave("kexec-stock -e");
  ExpectStage(guest, "mkhandover");
  guest.Run("mkhandover restore copied -C /tmp && mkhandover restore vm -C /tmp");
  CHECK(guest.Run("sha256sum < /tmp/copied && sha256sum < /tmp/vm").output == sums);
}

TEST_CASE("load --store --exec hands a store over under another kernel", "[e2e][store][load][exhaustive]") {
  Guest guest({.memory = "1G", .cpus = 2, .kernel = "6.1", .carried = {"new"}, .files = {StageFile(Stage())}});
  guest.Run("echo 20 > /proc/sys/vm/nr_hugepages");
  guest.Run("echo text > /tmp/text && mkhandover keep --name text /tmp/text");
  MakeInitrd(guest);
  guest.Leave(
      "mkhandover load --store --exec --stage /kernels/stage --kernel /kernels/new --initrd /tmp/initrd "
      "--cmdline '" +
      std::string(kConsoleOptions) + "'");
  ExpectStage(guest, "mkhandover");
  CHECK(guest.Run("mkhandover restore text -C -").output == "text\n");
}

}  // namespace holdfast::e2e
