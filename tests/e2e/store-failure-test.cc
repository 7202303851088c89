// SPDX-License-Identifier: BSD-2-Clause
// Huge pages that fail or move while a store describes them, and huge pages of 1 GiB.

#include <catch2/catch.hpp>

#include "tests/e2e/scenario.h"

namespace holdfast::e2e {
namespace {

constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;
constexpr const char* kFile = "/dev/hugepages/guest";

std::vector<std::uint64_t> PagesOf(const std::vector<Extent>& extents) {
  std::vector<std::uint64_t> out;
  for (const Extent& extent : extents) {
    for (std::uint64_t at = extent.start; at < extent.end(); at += kHugePage) out.push_back(at);
  }
  return out;
}

// Has the kernel put a page aside: at once and with its contents ("hard"), or after it was moved ("soft").
void Offline(Guest& guest, const std::string& how, std::uint64_t address) {
  guest.Run("echo " + Hex(address) + " > /sys/devices/system/memory/" + how + "_offline_page");
}

std::string SumOfPage(Guest& guest, const std::string& file, unsigned number) {
  return guest.Run("dd if=" + file + " bs=2M count=1 skip=" + std::to_string(number) + " 2>/dev/null | sha256sum")
      .output;
}

std::string MakeWithStore(Guest& guest, const std::string& store, const std::string& errors = {}) {
  CommandResult made = guest.Run("mkhandover make -o /dev/hugepages/handover --store " + store);
  CHECK(made.errors == errors);
  made.output.erase(made.output.find_last_not_of('\n') + 1);
  return made.output;
}

void RestoreFindsItGone(Guest& guest, const std::string& folder) {
  const CommandResult restored = guest.RunFails("mkhandover restore -q guest -C " + folder);
  CHECK(restored.status == 1);
  CHECK(restored.errors ==
        "mkhandover: contents-lost: guest: guest from offset 2097152 on is gone: the kernel put that page aside for "
        "memory failure; what is left of it ends in .damaged\n");
}

}  // namespace

TEST_CASE("A page that failed is left out and named, and one that moved is followed", "[e2e][store]") {
  Guest guest({.memory = "1G", .kernel = "6.12", .carried = {"new"}});
  guest.Run("echo 24 > /proc/sys/vm/nr_hugepages");
  const KeptPages kept = FillPages(guest, "8M", {.file = kFile, .seed = 7});
  const std::vector<std::uint64_t> pages = PagesOf(kept.extents);
  REQUIRE(pages.size() == 4);
  std::vector<std::string> sums;
  for (unsigned i = 0; i < 4; ++i) sums.push_back(SumOfPage(guest, kFile, i));
  CHECK(guest.Run("mkhandover keep --name guest /dev/hugepages/guest").errors.empty());
  CHECK(guest.Run("mkhandover list guest --json").output.find(Hex(pages[0])) != std::string::npos);
  Offline(guest, "hard", pages[1]);
  Offline(guest, "soft", pages[2]);

  const CommandResult refused = guest.RunFails("mkhandover make -o /tmp/handover.dtb --pages-of /dev/hugepages/guest");
  CHECK(refused.status == 6);
  CHECK(
      refused.errors ==
      "mkhandover: /dev/hugepages/guest: from offset 0x200000 on, 2 MiB: the kernel has put this page aside for memory "
      "failure: what was there is lost: write the file anew\n");
  // The index has the addresses of before; nobody is killed for it.
  RestoreFindsItGone(guest, "/tmp/before");
  const std::string option =
      MakeWithStore(guest, "/dev/hugepages/holdfast",
                    "mkhandover: warning: guest: /dev/hugepages/guest from offset 0x200000 on, 2 MiB: left out: the "
                    "kernel has put this page aside for memory failure\n");
  const std::string list = guest.Run("mkhandover list guest --json").output;
  INFO(list);
  CHECK(list.find(Hex(pages[1])) == std::string::npos);
  CHECK(list.find(Hex(pages[2])) == std::string::npos);
  CHECK(list.find(Hex(pages[3])) != std::string::npos);
  LoadKernel(guest, {.kernel = "new", .append = option});
  guest.Kexec();

  RestoreFindsItGone(guest, "/tmp/after");
  for (const unsigned page : {0u, 2u, 3u}) {
    CHECK(SumOfPage(guest, "/tmp/after/guest.damaged", page) == sums[page]);
  }
}

TEST_CASE("Huge pages of 1 GiB carry a store", "[e2e][store][exhaustive]") {
  Guest guest({.memory = "6G", .kernel = "6.12", .carried = {"6.1"}, .append = "hugepagesz=1G hugepages=4"});
  guest.Run("echo 8 > /proc/sys/vm/nr_hugepages");
  guest.Run("mkdir -p /mnt && mount -t hugetlbfs -o pagesize=1G none /mnt");
  guest.Run("truncate -s 1G /mnt/guest && poke /mnt/guest 0x3ffffffd 656e64");
  guest.Run("dd if=/dev/urandom of=/tmp/small bs=1M count=5 2>/dev/null");
  const std::string sum = guest.Run("sha256sum < /tmp/small").output;
  guest.Run("mkhandover keep --store /mnt/store --name guest /mnt/guest");
  guest.Run("mkhandover keep --store /mnt/store --name small /tmp/small");
  CHECK(guest.Run("stat -c %s /mnt/store/data-2").output == "1073741824\n");
  LoadKernel(guest, {.kernel = "6.1", .append = MakeWithStore(guest, "/mnt/store")});
  guest.Kexec();
  guest.Run("mkhandover restore small -C /tmp/out");
  CHECK(guest.Run("sha256sum < /tmp/out/small").output == sum);
  CHECK(guest.Run("mkhandover restore guest -C - | tail -c 3").output == "end");
}

}  // namespace holdfast::e2e
