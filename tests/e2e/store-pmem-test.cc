// SPDX-License-Identifier: BSD-2-Clause
// What was kept with the fence pram: through /dev/pmem, under lockdown too, and back to the system when it is dropped.

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/e2e/store-scenario.h"

namespace holdfast::e2e {
namespace {

// In the order in which they need one another: what makes /dev/pmem of the ranges, and what makes RAM of that.
const std::vector<std::string> kPmemDrivers = {"libnvdimm", "nd_btt", "nd_e820", "nd_pmem"};
const std::vector<std::string> kDaxDrivers = {"device_dax", "dax_pmem", "kmem"};

std::vector<std::string> AllDrivers() {
  std::vector<std::string> out = kPmemDrivers;
  out.insert(out.end(), kDaxDrivers.begin(), kDaxDrivers.end());
  return out;
}

void LoadDrivers(Guest& guest, const std::vector<std::string>& drivers) {
  for (const std::string& driver : drivers) guest.Run("insmod /lib/modules/$(uname -r)/" + driver + ".ko");
}

void LoadPmem(Guest& guest) {
  LoadDrivers(guest, kPmemDrivers);
  guest.Run("until ls /dev/pmem*; do sleep 0.1; done");
}

std::string MakeFile(Guest& guest, const std::string& path, unsigned mebibytes) {
  guest.Run("dd if=/dev/urandom of=" + path + " bs=1M count=" + std::to_string(mebibytes) + " 2>/dev/null");
  return Sha256Of(guest, path);
}

// Where a node's pages lie.
std::vector<Extent> RangesOf(Guest& guest, const std::string& node) {
  const auto list = nlohmann::json::parse(guest.Run("mkhandover list --json " + node).output);
  std::vector<Extent> out;
  for (const auto& range : list["nodes"][0]["files"][0]["ranges"]) {
    out.push_back({std::stoull(range["start"].get<std::string>(), nullptr, 0), range["size"].get<std::uint64_t>()});
  }
  return out;
}

// Restores, removes what came back, and tells its sum.
std::string Restored(Guest& guest, const std::string& node) {
  guest.Run("mkhandover restore " + node + " -C /tmp/out");
  const std::string sum = Sha256Of(guest, "/tmp/out/" + node);
  guest.Run("rm -r /tmp/out");
  return sum;
}

constexpr const char* kLocked =
    "Operation not permitted: lockdown shuts /dev/mem: load nd_e820 and nd_pmem for what was "
    "kept with --fence pram, restore the rest under a kernel that is not locked down\n";

}  // namespace

TEST_CASE("Under lockdown what was kept as pram comes back, and what was not is refused", "[e2e][store][pmem]") {
  Guest guest({.memory = "512M", .kernel = "6.1", .carried = {"6.12"}, .modules = kPmemDrivers});
  guest.Run("echo 24 > /proc/sys/vm/nr_hugepages");
  const std::string sum = MakeFile(guest, "/tmp/cache", 20);
  MakeFile(guest, "/tmp/plain", 2);
  guest.Run("mkhandover keep --name cache --fence pram /tmp/cache");
  guest.Run("mkhandover keep --name plain /tmp/plain");
  const Extent plain = RangesOf(guest, "plain").front();
  JumpWithStore(guest, {.kernel = "6.12", .append = "lockdown=integrity"});

  // The report is to be had; memory is not, while it has no device.
  CHECK(guest.Run("mkhandover report").output.find("holdfast,handover-v1") != std::string::npos);
  const CommandResult shut = guest.RunFails("mkhandover list");
  CHECK(shut.status == 7);
  CHECK(shut.errors.find(kLocked) != std::string::npos);

  LoadPmem(guest);
  CHECK(guest.Run("mkhandover list").output.find("cache ") == 0);
  CHECK(Restored(guest, "cache") == sum);
  const CommandResult refused = guest.RunFails("mkhandover restore plain -C /tmp/out");
  CHECK(refused.status == 7);
  CHECK(refused.errors == "mkhandover: /dev/mem " + RangeText(plain.start, plain.size) + ": " + kLocked);
}

TEST_CASE("What was kept as pram comes back through /dev/pmem, and through /dev/mem without its driver",
          "[e2e][store][pmem][exhaustive]") {
  const std::string kernel = GENERATE("6.1", "6.12", "new");
  Guest guest({.memory = "512M", .kernel = "6.1", .carried = {kernel}, .modules = kPmemDrivers});
  guest.Run("echo 40 > /proc/sys/vm/nr_hugepages");
  const std::string sum = MakeFile(guest, "/tmp/cache", 20);
  const std::string other = MakeFile(guest, "/tmp/other", 10);
  guest.Run("mkhandover keep --name cache --fence pram /tmp/cache");
  guest.Run("mkhandover keep --name other --fence pram /tmp/other");
  JumpWithStore(guest, {.kernel = kernel});

  CHECK(Restored(guest, "cache") == sum);
  LoadPmem(guest);
  CHECK(Restored(guest, "cache") == sum);
  CHECK(Restored(guest, "other") == other);
  // Every byte is in a device: /dev/mem alone would be refused.
  guest.Run("mv /dev/mem /dev/not-mem");
  CHECK(Restored(guest, "cache") == sum);
  CHECK(Restored(guest, "other") == other);
  guest.Run("mv /dev/not-mem /dev/mem");
  guest.Run("cd /sys/bus/nd/drivers/nd_pmem && for i in namespace*; do echo $i > unbind; done");
  CHECK(guest.Run("ls /sys/block").output.find("pmem") == std::string::npos);
  CHECK(Restored(guest, "other") == other);
}

TEST_CASE("What somebody made a device of DAX of comes back through that", "[e2e][store][pmem][exhaustive]") {
  Guest guest({.memory = "512M", .kernel = "6.1", .carried = {"new"}, .modules = AllDrivers()});
  guest.Run("echo 40 > /proc/sys/vm/nr_hugepages");
  std::map<std::string, std::string> sums;
  std::vector<Extent> pages;
  for (const std::string node : {"a", "b", "c"}) {
    sums[node] = MakeFile(guest, "/tmp/" + node, 10);
    guest.Run("mkhandover keep --name " + node + " --fence pram /tmp/" + node);
    const std::vector<Extent> runs = RangesOf(guest, node);
    pages.insert(pages.end(), runs.begin(), runs.end());
  }
  JumpWithStore(guest, {.kernel = "new"});
  LoadPmem(guest);
  LoadDrivers(guest, kDaxDrivers);
  guest.Run(
      "cd /sys/bus/nd/devices && for i in namespace*; do echo $i > ../drivers/nd_pmem/unbind; "
      "r=${i#namespace}; r=region${r%.0}; d=$(cat $r/dax_seed); echo ram > $d/mode; echo 2097152 > $d/align; "
      "cat /proc/sys/kernel/random/uuid > $d/uuid; echo $i > $d/namespace; echo $d > ../drivers/dax_pmem/bind; done");
  REQUIRE(guest.TryRun("ls /dev/pmem*").status != 0);
  // What lies in the first huge page of a device is lost with that.
  const auto lost = Joined(pages);
  unsigned intact = 0;
  for (const auto& [node, sum] : sums) {
    const std::vector<Extent> runs = RangesOf(guest, node);
    const bool is_whole = std::none_of(runs.begin(), runs.end(), [&](const Extent& run) {
      return std::any_of(lost.begin(), lost.end(), [&](const Extent& device) { return device.start == run.start; });
    });
    if (!is_whole) continue;
    CHECK(Restored(guest, node) == sum);
    ++intact;
  }
  CHECK(intact != 0);
}

namespace {

constexpr const char* kLater = "is the system's again after the next kexec, if the handover is made with --store\n";

// 512 MiB as pram beside another node, in the next kernel with all drivers.  Tells how many whole blocks of memory lie
// in one run, behind what the kernel takes for itself.
constexpr std::uint64_t kBlock = std::uint64_t{128} << 20;

std::uint64_t KeepMuch(Guest& guest, const std::string& next_kernel) {
  guest.Run("echo 270 > /proc/sys/vm/nr_hugepages");
  const KeptPages vm = FillPages(guest, "512M", {.file = "/dev/hugepages/vm"});
  guest.Run("echo rest > /tmp/rest && mkhandover keep --name rest /tmp/rest");
  guest.Run("mkhandover keep --name vm --fence pram /dev/hugepages/vm");
  JumpWithStore(guest, {.kernel = next_kernel});
  LoadPmem(guest);
  LoadDrivers(guest, kDaxDrivers);
  guest.Run("echo 2 > /proc/sys/vm/nr_hugepages");
  std::uint64_t blocks = 0;
  for (const Extent& run : Joined(vm.extents)) {
    const std::uint64_t first = (run.start + (2 << 20) + kBlock - 1) / kBlock;
    blocks += run.end() / kBlock > first ? run.end() / kBlock - first : 0;
  }
  return blocks;
}

}  // namespace

TEST_CASE("What is dropped of pram is memory at once, in whole blocks", "[e2e][store][pmem][exhaustive]") {
  const std::string kernel = GENERATE("6.1", "6.12", "new");
  Guest guest({.memory = "2G", .kernel = "6.1", .carried = {kernel}, .modules = AllDrivers()});
  const std::uint64_t blocks = KeepMuch(guest, kernel);
  REQUIRE(blocks != 0);
  const std::uint64_t before = guest.MemTotalKib();
  CHECK(guest.Run("mkhandover drop vm").output ==
        "vm: forgotten; " + std::to_string(blocks * 128) + " MiB are the system's again, the rest " + kLater);
  CHECK(guest.MemTotalKib() == before + blocks * kBlock / 1024);
  // It is memory like any other, and the other node is as it was.
  guest.Run("mount -o remount,size=100% /tmp");
  guest.Run("dd if=/dev/zero of=/tmp/fill bs=1M count=" + std::to_string(before / 1024 - 64));
  guest.Run("rm /tmp/fill");
  CHECK(guest.Run("mkhandover restore rest -C -").output == "rest\n");
}

TEST_CASE("A device that is in use is not taken away by a drop", "[e2e][store][pmem][exhaustive]") {
  Guest guest({.memory = "2G", .kernel = "6.1", .carried = {"6.12"}, .modules = AllDrivers()});
  REQUIRE(KeepMuch(guest, "6.12") != 0);
  const std::uint64_t before = guest.MemTotalKib();
  guest.Run("for i in /dev/pmem*; do mkswap $i && swapon $i; done");
  const CommandResult drop = guest.Run("mkhandover drop vm");
  CHECK(drop.output == std::string("vm: forgotten; its memory ") + kLater);
  CHECK(drop.errors.starts_with("mkhandover: warning: not given back: /dev/pmem"));
  CHECK(drop.errors.ends_with(": Device or resource busy\n"));
  CHECK(guest.MemTotalKib() == before);
}

}  // namespace holdfast::e2e
