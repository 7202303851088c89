// SPDX-License-Identifier: BSD-2-Clause

#include "common/format/prmem.h"

#include "common/abi/prmem.h"
#include "tests/support/arena-memory.h"
#include "tests/support/ranges.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::ArenaMemory;
using test::Between;
using test::BlockList;
using test::CheckError;

constexpr std::uint64_t kStart = 0x40000000;
constexpr std::uint64_t kFirst = kStart + 0x10000;
constexpr std::uint64_t kSecond = kStart + 0x40000;
constexpr std::uint64_t kBytes = 0x10000 + 0x20000;

// Two regions behind the arena, and what the encoder makes of them.
class Machine {
 public:
  explicit Machine(std::uint32_t metadata_size = 184, std::uint64_t direct_map = kDirectMap4Level)
      : memory_(kStart, 0x80, 0x10), metadata_size_(metadata_size), direct_map_(direct_map) {
    const std::array regions = {Between(kFirst, kFirst + 0x10000), Between(kSecond, kSecond + 0x20000)};
    const std::array instances = {
        PrmemInstance{.subsystem = "ramdisk", .name = "pram0", .data = PhysAddr(kSecond + 0x1000), .size = 0x5000},
        PrmemInstance{.subsystem = "test", .name = "", .data = PhysAddr(0), .size = 7}};
    PrmemImage image{.metadata_size = metadata_size, .direct_map = direct_map, .regions = regions};
    if (metadata_size != 40) {
      image.instances = instances;
    }
    const auto option = EncodePrmem(image, RegionHeads(&At, &memory_), memory_.arena());
    REQUIRE(option.ok());
    option_ = option.value();
  }

  Status Decode(BlockList& blocks, PrmemFacts& facts) {
    return DecodePrmem(option_, memory_.memory(), blocks.sink(), facts);
  }
  Status Decode() {
    BlockList blocks;
    PrmemFacts facts;
    return Decode(blocks, facts);
  }
  // Changes a word of the metadata page, and its checksum with it.
  void SetMetadata(std::uint64_t offset, std::uint64_t value) {
    memory_.Set64(kStart + offset, value);
    std::uint64_t sum = 0;
    for (std::uint64_t at = 8; at < metadata_size_; at += 8) {
      sum += memory_.Get64(kStart + at);
    }
    memory_.Set64(kStart, sum);
  }

  ArenaMemory& memory() { return memory_; }
  PrmemOption& option() { return option_; }
  std::uint64_t Virtual(std::uint64_t at) const { return direct_map_ + at; }

 private:
  static std::byte* At(void* memory, PhysRange region) {
    return static_cast<ArenaMemory*>(memory)->At(region.start().raw());
  }

  ArenaMemory memory_;
  std::uint32_t metadata_size_;
  std::uint64_t direct_map_;
  PrmemOption option_;
};

TEST_CASE("prmem's options name a page and a size", "[format][prmem]") {
  CHECK_FALSE(FindPrmemOption("ro prmem=1G").value());
  CHECK_FALSE(FindPrmemOption("prmem=1G prmem_meta=0x0000000000000000").value());
  const auto both = FindPrmemOption("prmem=1G,2G prmem_meta=0x0000000040000000").value();
  REQUIRE(both);
  CHECK(both->metadata == PhysAddr(kStart));
  CHECK(both->size == kGiB);
  CHECK(FindPrmemOption("prmem_meta=0x1000 prmem_meta=0x2000").value()->metadata == PhysAddr(0x2000));
  CHECK(FindPrmemOption("prmem_meta=0x1000").value()->size == 0);
  for (const char* bad :
       {"ro prmem_meta", "ro prmem_meta=x", "ro prmem_meta=0x1008", "ro prmem_meta=0x10000000000000",
        "ro prmem=1x prmem_meta=0x1000", "ro prmem=0 prmem_meta=0x1000", "ro prmem=4097 prmem_meta=0x1000"}) {
    INFO(bad);
    CheckError(FindPrmemOption(bad), Errc::kMalformed, 3);
  }
}

TEST_CASE("Every variant is read as it was written", "[format][prmem]") {
  const std::uint32_t size = GENERATE(184, 168, 40);
  const std::uint64_t direct_map = GENERATE(kDirectMap4Level, kDirectMap5Level);
  Machine machine(size, direct_map);
  BlockList blocks;
  PrmemFacts facts;
  REQUIRE(machine.Decode(blocks, facts).ok());
  CHECK(blocks.Joined(KeptKind::kMemory) ==
        std::vector{Between(kFirst, kFirst + 0x10000), Between(kSecond, kSecond + 0x20000)});
  CHECK(blocks.Joined(KeptKind::kStructure) == std::vector{Between(kStart, kStart + 0x1000)});
  CHECK(facts.metadata_size == size);
  CHECK(facts.direct_map == direct_map);
  CHECK(facts.num_regions == 2);
  CHECK(facts.num_instances == (size == 40 ? 0 : 2));
}

TEST_CASE("Instances are listed with their texts", "[format][prmem]") {
  struct Seen {
    std::string subsystem, name;
    PhysAddr data;
    std::uint64_t size;
  };
  Machine machine;
  std::vector<Seen> seen;
  const PrmemInstanceSink sink(
      [](void* list, const PrmemInstance& instance) -> Status {
        static_cast<std::vector<Seen>*>(list)->push_back(
            {std::string(instance.subsystem), std::string(instance.name), instance.data, instance.size});
        return kDone;
      },
      &seen);
  REQUIRE(ListPrmemInstances(machine.option(), machine.memory().memory(), sink).ok());
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].subsystem == "ramdisk");
  CHECK(seen[0].name == "pram0");
  CHECK(seen[0].data == PhysAddr(kSecond + 0x1000));
  CHECK(seen[0].size == 0x5000);
  CHECK(seen[1].name.empty());
  CHECK(seen[1].data == PhysAddr(0));
}

TEST_CASE("Metadata without regions is kept by itself", "[format][prmem]") {
  ArenaMemory memory(kStart, 1);
  const RegionHeads none([](void*, PhysRange) -> std::byte* { return nullptr; }, nullptr);
  const auto option = EncodePrmem({}, none, memory.arena());
  REQUIRE(option.ok());
  BlockList blocks;
  PrmemFacts facts;
  REQUIRE(DecodePrmem(option.value(), memory.memory(), blocks.sink(), facts).ok());
  CHECK(blocks.all() == std::vector{KeptBlock{.range = memory.range(), .kind = KeptKind::kStructure}});
}

TEST_CASE("Metadata in a region is kept with it", "[format][prmem]") {
  // The arena's second page begins the region that holds the metadata, the third.
  ArenaMemory memory(kStart, 8);
  REQUIRE(memory.arena().Take(2).ok());
  const std::array regions = {Between(kStart + 0x1000, kStart + 0x5000)};
  const RegionHeads heads(
      [](void* m, PhysRange region) { return static_cast<ArenaMemory*>(m)->At(region.start().raw()); }, &memory);
  const auto option = EncodePrmem({.regions = regions}, heads, memory.arena());
  REQUIRE(option.ok());
  REQUIRE(option.value().metadata == PhysAddr(kStart + 0x2000));
  BlockList blocks;
  PrmemFacts facts;
  REQUIRE(DecodePrmem(option.value(), memory.memory(), blocks.sink(), facts).ok());
  CHECK(blocks.all() == std::vector{KeptBlock{.range = regions[0]}});
}

TEST_CASE("A size that the command line does not say is not compared", "[format][prmem]") {
  Machine machine;
  machine.option().size = 0;
  CHECK(machine.Decode().ok());
  machine.option().size = kBytes + 0x1000;
  CheckError(machine.Decode(), Errc::kMalformed, kStart + 16);
}

TEST_CASE("A checksum that fits no variant is refused", "[format][prmem]") {
  const std::uint32_t size = GENERATE(184, 168, 40);
  Machine machine(size);
  SECTION("a bit of the metadata") {
    *machine.memory().At(kStart + size - 1) ^= std::byte{1};
    CheckError(machine.Decode(), Errc::kBadDigest, kStart);
  }
  SECTION("the sum itself") {
    machine.memory().Set64(kStart, machine.memory().Get64(kStart) + 1);
    CheckError(machine.Decode(), Errc::kBadDigest, kStart);
  }
  SECTION("finalised a second time, as posted: the old sum was added") {
    machine.memory().Set64(kStart, machine.memory().Get64(kStart) * 2);
    CheckError(machine.Decode(), Errc::kBadDigest, kStart);
  }
}

TEST_CASE("An empty list of instances is no list of regions", "[format][prmem]") {
  const std::uint32_t size = GENERATE(184, 168);
  ArenaMemory memory(kStart, 8);
  const std::array regions = {Between(kStart + 0x2000, kStart + 0x4000)};
  const RegionHeads heads(
      [](void* m, PhysRange region) { return static_cast<ArenaMemory*>(m)->At(region.start().raw()); }, &memory);
  const auto option = EncodePrmem({.metadata_size = size, .regions = regions}, heads, memory.arena());
  REQUIRE(option.ok());
  BlockList blocks;
  PrmemFacts facts;
  REQUIRE(DecodePrmem(option.value(), memory.memory(), blocks.sink(), facts).ok());
  CHECK(facts.metadata_size == size);
  CHECK(facts.num_regions == 1);
  CHECK(facts.num_instances == 0);
}

TEST_CASE("Bytes behind the metadata are nobody's", "[format][prmem]") {
  Machine machine(GENERATE(184, 168, 40));
  machine.memory().Set64(kStart + 184, 12345);
  CHECK(machine.Decode().ok());
}

TEST_CASE("A metadata page that cannot be one is refused", "[format][prmem]") {
  Machine machine;
  SECTION("between pages") {
    machine.option().metadata = PhysAddr(kStart + 8);
    CheckError(machine.Decode(), Errc::kMisaligned, kStart + 8);
  }
  SECTION("where nothing is") {
    machine.option().metadata = PhysAddr(kStart - 0x1000);
    CheckError(machine.Decode(), Errc::kUnreadable, kStart - 0x1000);
  }
  SECTION("past the last address") {
    machine.option().metadata = PhysAddr(kPhysLimit);
    CheckError(machine.Decode(), Errc::kOutOfBounds, kPhysLimit);
  }
  SECTION("another page's") {
    machine.SetMetadata(8, kStart + 0x1000);
    CheckError(machine.Decode(), Errc::kMalformed, kStart + 8);
  }
  SECTION("more in use than the largest size") {
    machine.SetMetadata(32, kBytes - 0x1000);
    CheckError(machine.Decode(), Errc::kMalformed, kStart + 24);
  }
}

TEST_CASE("A broken chain of regions is refused by its defect", "[format][prmem]") {
  Machine machine;
  const std::uint64_t head = kStart + 40;
  struct Case {
    const char* defect;
    std::uint64_t at, value;
    Errc code;
    std::uint64_t where;
  };
  const std::uint64_t base = kDirectMap4Level;
  const auto c =
      GENERATE_COPY(Case{"first below every direct map", head, kFirst, Errc::kMalformed, head},
                    Case{"first past every direct map", head, kDirectMap5Level + kPhysLimit, Errc::kMalformed, head},
                    Case{"first in the other direct map", head, kDirectMap5Level + kFirst, Errc::kMalformed, head},
                    Case{"first is no region", head, base + kFirst + 0x1000, Errc::kMalformed, head},
                    Case{"first does not say where it is", kFirst + 16, kSecond, Errc::kMalformed, head},
                    Case{"first does not lead back", kFirst + 8, base + kSecond, Errc::kMalformed, head},
                    Case{"first where nothing is", head, base + kStart - 0x1000, Errc::kUnreadable, kStart - 0x1000},
                    Case{"next out of the direct map", kFirst, kSecond, Errc::kMalformed, kFirst},
                    Case{"next is null", kFirst, 0, Errc::kMalformed, kFirst},
                    Case{"next where nothing is", kFirst, base + kStart - 0x1000, Errc::kUnreadable, kStart - 0x1000},
                    Case{"next is the first again", kFirst, base + kFirst, Errc::kMalformed, kFirst},
                    Case{"second does not say where it is", kSecond + 16, kFirst, Errc::kMalformed, kSecond},
                    Case{"second does not lead back", kSecond + 8, base + head, Errc::kMalformed, kSecond},
                    Case{"second leads to the first", kSecond, base + kFirst, Errc::kMalformed, kFirst},
                    Case{"list ends too early", kFirst, base + head, Errc::kMalformed, head},
                    Case{"head leads back to another", head + 8, base + kFirst, Errc::kMalformed, head},
                    Case{"region of nothing", kFirst + 24, 0, Errc::kMalformed, kFirst},
                    Case{"size not of pages", kFirst + 24, 0x8001, Errc::kMisaligned, kFirst},
                    Case{"more than is in use", kSecond + 24, 0x21000, Errc::kMalformed, kSecond},
                    Case{"size that wraps", kSecond + 24, ~std::uint64_t{0xfff}, Errc::kMalformed, kSecond},
                    Case{"less than is in use", kSecond + 24, 0x1f000, Errc::kMalformed, head});
  INFO(c.defect);
  if (c.at < kStart + kPageSize) {
    machine.SetMetadata(c.at - kStart, c.value);
  } else {
    machine.memory().Set64(c.at, c.value);
  }
  CheckError(machine.Decode(), c.code, c.where);
}

TEST_CASE("A region that begins between pages is refused", "[format][prmem]") {
  ArenaMemory memory(kStart, 8);
  const std::array regions = {Between(kStart + 0x2008, kStart + 0x3008)};
  const RegionHeads heads(
      [](void* m, PhysRange region) { return static_cast<ArenaMemory*>(m)->At(region.start().raw()); }, &memory);
  const auto option = EncodePrmem({.regions = regions}, heads, memory.arena());
  REQUIRE(option.ok());
  BlockList blocks;
  PrmemFacts facts;
  CheckError(DecodePrmem(option.value(), memory.memory(), blocks.sink(), facts), Errc::kMisaligned, kStart + 0x2008);
}

TEST_CASE("A region may not reach past the last address", "[format][prmem]") {
  Machine machine;
  machine.option().size = 0;
  machine.SetMetadata(24, kPhysLimit);
  machine.SetMetadata(32, kPhysLimit);
  machine.memory().Set64(kFirst + 24, kPhysLimit);
  CheckError(machine.Decode(), Errc::kOutOfBounds, kFirst);
}

TEST_CASE("A broken instance is refused by its defect", "[format][prmem]") {
  Machine machine;
  const std::uint64_t first = kStart + 0x1000;
  SECTION("a subsystem without an end") {
    std::fill_n(machine.memory().At(first + 16), 32, std::byte{'x'});
    CheckError(machine.Decode(), Errc::kMalformed, first);
  }
  SECTION("a name without an end") {
    std::fill_n(machine.memory().At(first + 48), 32, std::byte{'x'});
    CheckError(machine.Decode(), Errc::kMalformed, first);
  }
  SECTION("one that does not lead back") {
    machine.memory().Set64(first + 8, 0);
    CheckError(machine.Decode(), Errc::kMalformed, first);
  }
  SECTION("a head that leads out of the direct map") {
    machine.SetMetadata(56, 0);
    CheckError(machine.Decode(), Errc::kMalformed, kStart + 56);
  }
  SECTION("data outside of the direct map is none") {
    machine.memory().Set64(first + 80, 0x1234);
    CHECK(machine.Decode().ok());
  }
}

TEST_CASE("What cannot be written as prmem is refused", "[format][prmem]") {
  const RegionHeads none([](void*, PhysRange) -> std::byte* { return nullptr; }, nullptr);
  ArenaMemory memory(kStart, 1);
  const std::array instance = {PrmemInstance{.subsystem = "x"}};
  SECTION("a length that no variant has") {
    CheckError(EncodePrmem({.metadata_size = 41}, none, memory.arena()), Errc::kUnsupported, 41);
  }
  SECTION("instances where there are none") {
    CheckError(EncodePrmem({.metadata_size = 40, .instances = instance}, none, memory.arena()), Errc::kUnsupported, 40);
  }
  SECTION("more pages than there are") {
    CheckError(EncodePrmem({.instances = instance}, none, memory.arena()), Errc::kTableFull, 1);
  }
  SECTION("a name that is too long") {
    const std::string text(32, 'x');
    const std::array named = {PrmemInstance{.subsystem = text}};
    ArenaMemory two(kStart, 2);
    CheckError(EncodePrmem({.instances = named}, none, two.arena()), Errc::kTooLarge, 31);
  }
}

}  // namespace
}  // namespace holdfast
