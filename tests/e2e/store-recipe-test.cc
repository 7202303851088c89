// SPDX-License-Identifier: BSD-2-Clause
// PKRAM's recipe: fill a tmpfs, keep, kexec into another kernel, give back, compare sums.

#include <catch2/catch.hpp>

#include <set>

#include "tests/e2e/image-scenario.h"
#include "tests/e2e/store-scenario.h"

namespace holdfast::e2e {
namespace {

// Copying and hashing gigabytes on an emulated processor.
constexpr Milliseconds kDataLimit = Seconds(600);

struct Recipe {
  std::string memory = "8G";
  std::string size = "2G";
  unsigned num_huge_pages = 1024 + 8;  // a copy, index, handover, and some to spare
  std::string kernel = "6.1";
  std::string append = {};
  std::vector<Hop> hops;
};

// All that the recipe says, over each hop; where the kernels were, one by one.
std::vector<std::uint64_t> FollowRecipe(const Recipe& recipe) {
  const Luggage luggage = LuggageFor(recipe.hops);
  Guest guest({.memory = recipe.memory,
               .cpus = 2,
               .kernel = recipe.kernel,
               .carried = luggage.carried,
               .append = recipe.append,
               .files = luggage.files,
               .life_span = Seconds(3600)});
  const std::string pool = std::to_string(recipe.num_huge_pages);
  guest.Run("echo " + pool + " > /proc/sys/vm/nr_hugepages");
  REQUIRE(guest.Run("cat /proc/sys/vm/nr_hugepages").output == pool + "\n");
  guest.Run("mkdir /tmp/data && pattern write /tmp/data/file " + recipe.size + " 0x2020", kDataLimit);
  const std::string sum = Md5Of(guest, "/tmp/data/file");
  guest.Run("mkhandover keep --name data /tmp/data", kDataLimit);

  std::vector<std::uint64_t> places;
  for (const Hop& hop : recipe.hops) {
    JumpWithStore(guest, hop);
    INFO("kernel " << guest.kernel_release());
    places.push_back(KernelCode(guest));
    guest.Run("mkhandover restore data -C /tmp", kDataLimit);
    CHECK(Md5Of(guest, "/tmp/data/file") == sum);
    guest.Run("rm -r /tmp/data");
    // Index and handover are written anew for the next kernel.
    guest.Run("echo 8 > /proc/sys/vm/nr_hugepages");
  }
  return places;
}

}  // namespace

TEST_CASE("A tmpfs and a program's own mapping come back by name under another kernel", "[e2e][store][recipe]") {
  const Hop hop{.kernel = "new", .way = Way::kSegments};
  Luggage luggage = LuggageFor({hop});
  luggage.files.push_back({GuestProgram("keeper"), "/bin/keeper"});
  Guest guest({.memory = "1G", .cpus = 2, .kernel = "6.12", .carried = luggage.carried, .files = luggage.files});
  guest.Run("echo 64 > /proc/sys/vm/nr_hugepages");
  guest.Run("mkdir /tmp/data && pattern write /tmp/data/file 32M 1");
  const std::string sum = Md5Of(guest, "/tmp/data/file");
  guest.Run("mkhandover keep --name data /tmp/data");
  guest.Run("keeper keep mapping 16M 2");
  FillPages(guest, "16M", {.file = "/dev/hugepages/vm", .seed = 3});
  guest.Run("keeper describe described /dev/hugepages/vm");
  JumpWithStore(guest, hop);

  guest.Run("mkhandover restore data -C /tmp");
  CHECK(Md5Of(guest, "/tmp/data/file") == sum);
  CHECK(guest.Run("keeper find mapping 2").output == "seed 2\nkeeper: 0x2 intact, 0 of 4096 pages differ\n");
  CHECK(guest.Run("keeper find described 3").output == "keeper: 0x3 intact, 0 of 4096 pages differ\n");
}

TEST_CASE("2 GiB go from 6.1 to 6.12, to the newest, and back to 6.1", "[e2e][store][recipe][exhaustive]") {
  FollowRecipe({.hops = {{.kernel = "6.12", .way = Way::kPurgatory},
                         {.kernel = "new", .way = Way::kImage},
                         {.kernel = "6.1", .way = Way::kSegments}}});
}

TEST_CASE("2 GiB go where both kernels wipe what they free", "[e2e][store][recipe][exhaustive]") {
  const std::string wiping = "init_on_alloc=1 init_on_free=1 page_poison=1";
  FollowRecipe({.kernel = "6.12", .append = wiping, .hops = {{.kernel = "6.1", .way = Way::kImage, .append = wiping}}});
}

TEST_CASE("256 MiB come back ten times of ten, wherever the kernel lies", "[e2e][store][recipe][exhaustive]") {
  std::vector<Hop> hops;
  for (const char* kernel : {"6.12", "new", "6.1", "6.12", "new", "6.1", "6.12", "new", "6.1", "new"}) {
    hops.push_back({.kernel = kernel, .way = hops.size() % 2 == 0 ? Way::kPurgatory : Way::kImage});
  }
  const auto places = FollowRecipe({.memory = "4G", .size = "256M", .num_huge_pages = 128 + 8, .hops = hops});
  // Of some thousand places two may be the same.
  CHECK(std::set(places.begin(), places.end()).size() >= 9);
}

}  // namespace holdfast::e2e
