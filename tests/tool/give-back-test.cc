// SPDX-License-Identifier: BSD-2-Clause
// Which memory kept as `pram` has a device, and which of it may go back to the running kernel.

#include "tools/mkhandover/store/give-back.h"

#include "common/console/wording.h"
#include "tests/support/ranges.h"
#include "tests/tool/store-world.h"
#include "tools/mkhandover/range-lists.h"
#include "tools/mkhandover/store/handover-nodes.h"

namespace holdfast::tool {
namespace {

constexpr std::uint64_t kBlock = 128 * kMiB;

// A folder that plays /sys: each device as the kernel shows it, links and all.
class FakeSys {
 public:
  void AddPmem(const std::string& name, const std::string& owner, const std::string& resource,
               const std::string& size) const {
    AddLink("sys/block/" + name + "/device", AddOwner("sys/devices/ndbus0/" + owner, resource, size));
  }
  void AddDax(const std::string& name, const std::string& driver, const std::string& resource,
              const std::string& size) const {
    const auto device = AddOwner("sys/bus/dax/devices/" + name, resource, size);
    std::filesystem::create_directories(root_.path() / "sys/bus/dax/drivers" / driver);
    AddLink("sys/bus/dax/devices/" + name + "/driver", root_.path() / "sys/bus/dax/drivers" / driver);
  }

  std::vector<std::string> Found() const {
    std::vector<std::string> out;
    for (const PmemDevice& device : FindPmemDevices(root_.path().string())) {
      out.push_back(Format("{} {} {}", device.path, RangeText(device.range), device.owner));
    }
    return out;
  }

 private:
  std::filesystem::path AddOwner(const std::string& path, const std::string& resource, const std::string& size) const {
    const std::filesystem::path folder = root_.path() / path;
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "resource") << resource;
    std::ofstream(folder / "size") << size;
    return folder;
  }
  void AddLink(const std::string& path, const std::filesystem::path& target) const {
    std::filesystem::create_directories((root_.path() / path).parent_path());
    std::filesystem::create_symlink(target, root_.path() / path);
  }

  ScratchFolder root_;
};

TEST_CASE("A device is known by what it lies on", "[tool][store][pmem]") {
  FakeSys sys;
  CHECK(sys.Found().empty());
  sys.AddPmem("pmem1", "namespace1.0", "0x57800000\n", "6291456\n");
  sys.AddPmem("pmem0", "namespace0.0", "0x25e00000\n", "419430400\n");
  sys.AddPmem("sda", "target0", "0x1000\n", "4096\n");
  // One that holds its own information in front, one that lies nowhere, and what the kernel does not say now.
  sys.AddPmem("pmem2", "pfn2.0", "0x60200000\n", "2097152\n");
  sys.AddPmem("pmem3s", "btt3.0", "", "4096\n");
  sys.AddPmem("pmem4", "namespace4.0", "0xfffffffffffff000\n", "8192\n");
  sys.AddPmem("pmem5", "namespace5.0", "0x1000\n", "0\n");
  sys.AddDax("dax6.0", "device_dax", "0x10000000\n", "2097152\n");
  sys.AddDax("dax7.0", "kmem", "0x20000000\n", "2097152\n");
  CHECK(sys.Found() == std::vector<std::string>{"/dev/dax6.0 [0x10000000, 0x10200000) dax6.0",
                                                "/dev/pmem0 [0x25e00000, 0x3ee00000) namespace0.0",
                                                "/dev/pmem1 [0x57800000, 0x57e00000) namespace1.0",
                                                "/dev/pmem2 [0x60200000, 0x60400000) pfn2.0"});
}

TEST_CASE("Whole blocks of memory begin behind the info block", "[tool][store][pmem]") {
  CHECK(WholeBlocks(R(0x25e00000, 0x3ee00000), kBlock) == R(0x28000000, 0x38000000));
  CHECK(WholeBlocks(R(0x7e00000, 0x10000000), kBlock) == R(0x8000000, 0x10000000));
  // The block at the start of the device would have the info block in it.
  CHECK(WholeBlocks(R(0x8000000, 0x18000000), kBlock) == R(0x10000000, 0x18000000));
  CHECK(WholeBlocks(R(0x8000000, 0x10000000), kBlock).empty());
  CHECK(WholeBlocks(R(0x8000000, 0x8001000), kBlock).empty());
}

TEST_CASE("Only a device that is free as a whole goes back", "[tool][store][pmem]") {
  const PmemDevice device{.range = R(0x7e00000, 0x18000000), .path = "/dev/pmem0", .owner = "namespace0.0"};
  const auto count = [&](const std::vector<PhysRange>& free) { return Returnable({device}, free, kBlock).size(); };
  CHECK(count({device.range}) == 1);
  CHECK(count({R(0x7e00000, 0x9000000), R(0x9000000, 0x18000000)}) == 1);
  CHECK(count({R(0x7e00000, 0x17e00000)}) == 0);
  CHECK(count({R(0x8000000, 0x18000000)}) == 0);
  CHECK(count({R(0x7e00000, 0x9000000), R(0x9200000, 0x18000000)}) == 0);
  CHECK(count({}) == 0);
  PmemDevice other = device;
  other.owner = "pfn0.0";
  CHECK(Returnable({other}, {device.range}, kBlock).empty());
  other.owner = "dax0.0";
  CHECK(Returnable({other}, {device.range}, kBlock).empty());
  CHECK(Returnable({device}, {device.range}, kGiB).empty());
}

TEST_CASE("The index is fenced as what it is the way to", "[tool][store][pmem]") {
  World world;
  const auto fence = [&] {
    const Store store(world.choice(), Store::For::kReading);
    const auto nodes = HandoverNodesOf(store);
    REQUIRE(nodes.front().name == kStoreNodeName);
    return FenceName(nodes.front().fence);
  };
  world.Keep("plain", {world.Write("a", "text")});
  CHECK(fence() == "reserved");
  world.Keep("pmem", {world.Write("b", "text")}, /*zstd=*/false, "pram");
  CHECK(fence() == "pram");
}

TEST_CASE("Who has memory of a device mapped is known by its maps", "[tool][store][pmem]") {
  const World world;
  const PmemDevice device{.range = R(0x25e00000, 0x3ee00000), .path = "/dev/pmem1", .owner = "namespace1.0"};
  const auto is_mapped = [&](const std::string& text) { return IsMapped(device, world.Write("maps", text)); };
  const std::string other = "7f0000000000-7f0000200000 rw-p 00000000 00:00 0 \n";
  CHECK_FALSE(is_mapped(other));
  CHECK_FALSE(IsMapped(device, world.path("nothing").string()));
  CHECK(is_mapped(other + "7f0000200000-7f0000400000 r--s 00000000 00:06 293 /dev/pmem1\n"));
  CHECK_FALSE(is_mapped(other + "7f0000200000-7f0000400000 r--s 00000000 00:06 293 /dev/pmem11\n"));
  CHECK_FALSE(is_mapped("7f0000200000-7f0000400000 r--s 00000000 00:06 293 /mnt/dev/pmem1\n"));
  CHECK(is_mapped("7f0000200000-7f0000400000 r--s 25c00000 00:06 5 /dev/mem\n" + other) == false);
  CHECK(is_mapped("7f0000200000-7f0000400000 r--s 25d00000 00:06 5 /dev/mem\n" + other));
  CHECK(is_mapped("7f0000200000-7f0000400000 r--s /dev/mem\n"));
}

// Two nodes as pram, in the kernel after the one that kept them.
class Dropper {
 public:
  Dropper() {
    world.Keep("first", {world.Write("a", std::string(3 * kPage, 'a'))}, /*zstd=*/false, "pram");
    world.Keep("second", {world.Write("b", "text")}, /*zstd=*/false, "pram");
    {
      const Store before(world.choice(), Store::For::kReading);
      index = before.IndexRuns();
      CHECK(before.Forgotten().empty());
    }
    world.Jump();
    store.emplace(world.choice(), Store::For::kWriting);
    first = RunsOf("first");
    second = RunsOf("second");
  }

  static std::vector<PhysRange> Joined(std::vector<PhysRange> ranges, const std::vector<PhysRange>& others) {
    ranges.insert(ranges.end(), others.begin(), others.end());
    SortAndJoin(ranges, /*overlapping=*/false);
    return ranges;
  }

  World world;
  std::optional<Store> store;
  std::vector<PhysRange> index;
  std::vector<PhysRange> first;
  std::vector<PhysRange> second;

 private:
  std::vector<PhysRange> RunsOf(const std::string& node) const {
    return store->model().files.at(store->model().FilesOf(store->Find(node)).front()).runs;
  }
};

TEST_CASE("What nobody names any more is free, the earlier index with the last of it", "[tool][store][pmem]") {
  Dropper it;
  CHECK(it.store->Forgotten().empty());  // The earlier index is the only one.
  const GivenBack given = DropNode(*it.store, "first");
  CHECK(given.bytes == 0);  // Nothing plays /sys here.
  CHECK(given.problems.empty());
  CHECK(it.store->model().Find("first") == nullptr);
  CHECK(it.store->Forgotten() == it.first);
  CHECK(FailureOf([&] { DropNode(*it.store, "first"); }) ==
        "1: first: nothing is kept under that name: mkhandover list shows what is");
  // By another program, later.
  it.store.reset();
  it.store.emplace(it.world.choice(), Store::For::kWriting);
  CHECK(it.store->Forgotten() == it.first);
  DropNode(*it.store, "second");
  CHECK(it.store->Forgotten() == Dropper::Joined(Dropper::Joined(it.first, it.second), it.index));
}

TEST_CASE("What somebody still reads is not free", "[tool][store][pmem]") {
  Dropper it;
  auto held = it.store->snapshot();
  DropNode(*it.store, "first");
  CHECK(it.store->Forgotten().empty());
  DropNode(*it.store, "second");
  CHECK(it.store->Forgotten() == it.index);
  held.reset();
  CHECK(it.store->Forgotten() == Dropper::Joined(Dropper::Joined(it.first, it.second), it.index));
}

}  // namespace
}  // namespace holdfast::tool
