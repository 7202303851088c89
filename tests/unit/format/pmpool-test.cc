// SPDX-License-Identifier: BSD-2-Clause

#include "common/format/pmpool.h"

#include <optional>

#include "tests/support/arena-memory.h"
#include "tests/support/ranges.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::AlignedBytes;
using test::ArenaMemory;
using test::Between;
using test::BlockList;
using test::BlockOf;
using test::CheckError;

constexpr std::uint64_t kBase = 0x40000000;

// What a test changes of a sound node; nullopt leaves the property out.
struct Node {
  const char* compatible = "pmpool";
  std::optional<std::uint64_t> bitmap = kBase + 0x10000;
  std::optional<std::uint64_t> size = 0x4000000;
  std::optional<std::uint64_t> base = kBase;
};

std::span<const std::byte> Write(const Node& node, AlignedBytes& storage) {
  FdtWriter tree(storage.span());
  tree.BeginNode("");
  tree.BeginNode("chosen");
  tree.BeginNode("default_pmpool");
  if (node.compatible != nullptr) {
    tree.String("compatible", node.compatible);
  }
  const auto number = [&tree](const char* name, std::optional<std::uint64_t> value) {
    if (value) {
      tree.U64(name, *value);
    }
  };
  number("bitmap", node.bitmap);
  number("size", node.size);
  number("base", node.base);
  tree.EndNode();
  tree.EndNode();
  tree.EndNode();
  return tree.Finish().value();
}

TEST_CASE("pmpool= is a base and a size", "[format][pmpool]") {
  CHECK_FALSE(FindPmpoolOption("ro pmpool2=1G,1M").value());
  CHECK(FindPmpoolOption("ro pmpool=1G,64M").value() == Between(kBase, kBase + 0x4000000));
  CHECK(FindPmpoolOption("pmpool=0x40000000,0x1000").value() == Between(kBase, kBase + 0x1000));
  CHECK(FindPmpoolOption("pmpool=1,1 pmpool=1G,4K").value() == Between(kBase, kBase + 0x1000));
  for (const char* bad :
       {"ro pmpool", "ro pmpool=", "ro pmpool=1G", "ro pmpool=1G,", "ro pmpool=,1M", "ro pmpool=1G,0",
        "ro pmpool=1G,1M,1", "ro pmpool=1G,4095", "ro pmpool=1000,4K", "ro pmpool=4P,4K", "ro pmpool=1G,4P"}) {
    INFO(bad);
    CheckError(FindPmpoolOption(bad), Errc::kMalformed, 3);
  }
}

TEST_CASE("The node is read as it was written", "[format][pmpool]") {
  const Pmpool pool{Between(kBase, kBase + 0x4000000), Between(kBase + 0x10000, kBase + 0x10800)};
  AlignedBytes storage(4096);
  const auto bytes = EncodePmpoolNode(pool, storage.span());
  REQUIRE(bytes.ok());
  const auto decoded = DecodePmpoolNode(FdtView::Open(bytes.value()).value());
  REQUIRE(decoded.ok());
  CHECK(decoded.value() == pool);
  AlignedBytes small(64);
  CHECK(test::RuleOf(EncodePmpoolNode(pool, small.span())) == "table-full");
}

TEST_CASE("A tree without the node has no pool", "[format][pmpool]") {
  AlignedBytes storage(512);
  FdtWriter tree(storage.span());
  tree.BeginNode("");
  const bool has_chosen = GENERATE(false, true);
  if (has_chosen) {
    tree.BeginNode("chosen");
    tree.EndNode();
  }
  tree.EndNode();
  const auto decoded = DecodePmpoolNode(FdtView::Open(tree.Finish().value()).value());
  REQUIRE(decoded.ok());
  CHECK_FALSE(decoded.value());
}

TEST_CASE("A broken node is refused by its defect", "[format][pmpool]") {
  // Of the property, or of the node where the name is null.
  struct Case {
    const char* defect;
    Node node;
    Errc code;
    const char* where;
  };
  const auto c = GENERATE(Case{"another compatible", {.compatible = "pmpool2"}, Errc::kMalformed, "compatible"},
                          Case{"no compatible", {.compatible = nullptr}, Errc::kMalformed, nullptr},
                          Case{"no bitmap", {.bitmap = std::nullopt}, Errc::kMalformed, nullptr},
                          Case{"no size", {.size = std::nullopt}, Errc::kMalformed, nullptr},
                          Case{"no base", {.base = std::nullopt}, Errc::kMalformed, nullptr},
                          Case{"base not a page", {.base = kBase + 8}, Errc::kMisaligned, "base"},
                          Case{"size not of pages", {.size = 0x3ffffff}, Errc::kMisaligned, "size"},
                          Case{"bitmap not a page", {.bitmap = kBase + 0x10008}, Errc::kMisaligned, "bitmap"},
                          Case{"a pool of nothing", {.size = 0}, Errc::kMalformed, "size"},
                          Case{"pool past the last address", {.base = kPhysLimit - 0x1000}, Errc::kOutOfBounds, "base"},
                          Case{"size that wraps", {.size = ~std::uint64_t{0xfff}}, Errc::kOutOfBounds, "base"},
                          Case{"little-endian numbers", {.base = 0x0000000040000000 >> 24}, Errc::kMisaligned, "base"},
                          Case{"bitmap before the pool", {.bitmap = kBase - 0x1000}, Errc::kMalformed, "bitmap"},
                          Case{"bitmap behind the pool", {.bitmap = kBase + 0x4000000}, Errc::kMalformed, "bitmap"},
                          Case{"bitmap past the last address", {.bitmap = kPhysLimit}, Errc::kMalformed, "bitmap"},
                          Case{"bitmap that leaves the pool",
                               {.bitmap = kBase + 0x80000000 - 0x1000, .size = 0x80000000},
                               Errc::kMalformed,
                               "bitmap"});
  INFO(c.defect);
  AlignedBytes storage(4096);
  const FdtView tree = FdtView::Open(Write(c.node, storage)).value();
  const FdtNode node = *tree.Child(*tree.Child(tree.root(), "chosen"), "default_pmpool");
  CheckError(DecodePmpoolNode(tree), c.code, c.where == nullptr ? tree.WhereOf(node) : tree.WhereOf(node, c.where));
}

TEST_CASE("Two nodes of one name are refused", "[format][pmpool]") {
  AlignedBytes storage(512);
  FdtWriter tree(storage.span());
  tree.BeginNode("");
  tree.BeginNode("chosen");
  for (int i = 0; i < 2; ++i) {
    tree.BeginNode("default_pmpool");
    tree.EndNode();
  }
  tree.EndNode();
  tree.EndNode();
  CHECK(test::RuleOf(DecodePmpoolNode(FdtView::Open(tree.Finish().value()).value())) == "malformed");
}

TEST_CASE("A pool of the later series is one that the map marks whole", "[format][pmpool]") {
  std::array<MemEntry, 8> storage{};
  MemoryMap map{std::span(storage)};
  const PhysRange option = Between(kBase, kBase + 0x4000000);
  REQUIRE(map.AppendAscending(Between(0, kBase), MemType::kUsable).ok());
  SECTION("all of it") {
    REQUIRE(map.AppendAscending(Between(kBase, kBase + 0x5000000), MemType::kReservedKern).ok());
    CHECK(FindMarkedPmpool(option, map) == Pmpool{option, Between(kBase, kBase + 0x800)});
  }
  SECTION("a page of it is RAM") {
    REQUIRE(map.AppendAscending(Between(kBase, kBase + 0x3fff000), MemType::kReservedKern).ok());
    REQUIRE(map.AppendAscending(Between(kBase + 0x3fff000, kBase + 0x5000000), MemType::kUsable).ok());
    CHECK_FALSE(FindMarkedPmpool(option, map));
  }
  SECTION("a page of it is nothing") {
    REQUIRE(map.AppendAscending(Between(kBase + 0x1000, kBase + 0x5000000), MemType::kReservedKern).ok());
    CHECK_FALSE(FindMarkedPmpool(option, map));
  }
  SECTION("RAM, as at the first boot") {
    REQUIRE(map.AppendAscending(Between(kBase, kBase + 0x5000000), MemType::kUsable).ok());
    CHECK_FALSE(FindMarkedPmpool(option, map));
  }
  SECTION("no pool at all") { CHECK_FALSE(FindMarkedPmpool(PhysRange(), map)); }
}

// 64 MiB, the bitmap of 2 KiB at `bitmap` pages into it.
class Pool {
 public:
  explicit Pool(std::uint64_t bitmap_page = 0, std::uint64_t pages = 16384) : memory_(kBase, pages) {
    pool_.pool = memory_.range();
    const std::uint64_t start = kBase + bitmap_page * kPageSize;
    pool_.bitmap = Between(start, start + (pages + 63) / 64 * 8);
  }

  void Encode(std::vector<KeptBlock> blocks) {
    REQUIRE(EncodePmpoolBitmap(pool_, blocks, memory_.Bytes(pool_.pool)).ok());
  }
  // Pages in use, from the pool's first.
  std::vector<PhysRange> InUse() {
    BlockList blocks;
    REQUIRE(DecodePmpool(pool_, memory_.memory(), blocks.sink()).ok());
    CheckWhole(blocks);
    return blocks.Joined(KeptKind::kMemory);
  }
  std::byte& BitmapByte(std::uint64_t i) { return *memory_.At(pool_.bitmap.start().raw() + i); }
  Pmpool& pool() { return pool_; }
  ArenaMemory& memory() { return memory_; }

 private:
  // Every page is in some block, in ascending order.
  void CheckWhole(const BlockList& blocks) const {
    PhysAddr from = pool_.pool.start();
    for (const KeptBlock& block : blocks.all()) {
      REQUIRE(block.range.start() == from);
      REQUIRE_FALSE(block.range.empty());
      REQUIRE(block.kind != KeptKind::kStructure);
      from = block.range.end();
    }
    CHECK(from == pool_.pool.end());
  }

  ArenaMemory memory_;
  Pmpool pool_;
};

TEST_CASE("Pages in use are told from those that may be", "[format][pmpool]") {
  Pool pool;
  pool.Encode({BlockOf(kBase + 0x5000, 0), BlockOf(kBase + 0x200000, 9), BlockOf(kBase + 0x3fff000, 0)});
  CHECK(pool.InUse() == std::vector{Between(kBase, kBase + 0x1000), Between(kBase + 0x5000, kBase + 0x6000),
                                    Between(kBase + 0x200000, kBase + 0x400000),
                                    Between(kBase + 0x3fff000, kBase + 0x4000000)});
}

TEST_CASE("The bitmap may lie anywhere in the pool", "[format][pmpool]") {
  const std::uint64_t page = GENERATE(1, 5, 6, 100, 16383);
  Pool pool(page);
  pool.Encode({BlockOf(kBase + 0x5000, 0)});
  const std::uint64_t own = kBase + page * kPageSize;
  const auto in_use = pool.InUse();
  CHECK(std::any_of(in_use.begin(), in_use.end(),
                    [&](PhysRange range) { return range.Contains(Between(own, own + 0x1000)); }));
  CHECK(in_use.size() == (page == 5 || page == 6 ? 1 : 2));
}

TEST_CASE("The bitmap's own pages are in use though the sender marked an eighth of them", "[format][pmpool]") {
  // 1 GiB: a bitmap of 32 KiB, 8 pages, of which the posted code marks one.
  Pool pool(0, 262144);
  pool.BitmapByte(0) = std::byte{1};
  CHECK(pool.InUse() == std::vector{Between(kBase, kBase + 0x8000)});

  SECTION("and are joined with what follows them") {
    pool.BitmapByte(1) = std::byte{1};
    CHECK(pool.InUse() == std::vector{Between(kBase, kBase + 0x9000)});
  }
  SECTION("and hide what the sender says of them") {
    pool.BitmapByte(0) = std::byte{0xaa};
    CHECK(pool.InUse() == std::vector{Between(kBase, kBase + 0x8000)});
  }
}

TEST_CASE("The bitmap's pages begin in the middle of a run", "[format][pmpool]") {
  Pool pool(2, 262144);
  pool.BitmapByte(0) = std::byte{0x0f};
  CHECK(pool.InUse() == std::vector{Between(kBase, kBase + 0xa000)});
}

TEST_CASE("Bits behind the pool's last page are not looked at", "[format][pmpool]") {
  Pool pool(0, 65);
  pool.BitmapByte(8) = std::byte{0xfe};
  pool.BitmapByte(15) = std::byte{0xff};
  CHECK(pool.InUse() == std::vector{Between(kBase, kBase + 0x1000)});
  pool.BitmapByte(8) = std::byte{0xff};
  CHECK(pool.InUse() == std::vector{Between(kBase, kBase + 0x1000), Between(kBase + 0x40000, kBase + 0x41000)});
}

TEST_CASE("A pool is one piece to whoever protects it", "[format][pmpool]") {
  Pool pool;
  pool.Encode({BlockOf(kBase + 0x5000, 0), BlockOf(kBase + 0x7000, 0)});
  BlockList blocks;
  REQUIRE(DecodePmpoolWhole(pool.pool(), pool.memory().memory(), blocks.sink()).ok());
  CHECK(blocks.all() == std::vector{KeptBlock{.range = pool.pool().pool}});
}

TEST_CASE("A pool that cannot be one is refused", "[format][pmpool]") {
  Pool pool;
  const bool whole = GENERATE(false, true);
  const auto decode = [&] {
    BlockList blocks;
    return (whole ? DecodePmpoolWhole : DecodePmpool)(pool.pool(), pool.memory().memory(), blocks.sink());
  };
  SECTION("not made of pages") {
    pool.pool().pool = Between(kBase, kBase + 0x3fffff8);
    CheckError(decode(), Errc::kMalformed, kBase);
  }
  SECTION("of nothing") {
    pool.pool().pool = PhysRange();
    CheckError(decode(), Errc::kMalformed, 0);
  }
  SECTION("bitmap outside") {
    pool.pool().bitmap = Between(kBase - 0x1000, kBase - 0x800);
    CheckError(decode(), Errc::kMalformed, kBase - 0x1000);
  }
  SECTION("bitmap of another size") {
    pool.pool().bitmap = Between(kBase, kBase + 0x400);
    CheckError(decode(), Errc::kMalformed, kBase);
  }
  SECTION("bitmap not a page") {
    pool.pool().bitmap = Between(kBase + 8, kBase + 0x808);
    CheckError(decode(), Errc::kMalformed, kBase + 8);
  }
  SECTION("no memory") {
    pool.pool() = {Between(kBase * 2, kBase * 2 + 0x4000000), Between(kBase * 2, kBase * 2 + 0x800)};
    CheckError(decode(), Errc::kUnreadable, kBase * 2);
  }
}

TEST_CASE("A block outside of the pool cannot be marked", "[format][pmpool]") {
  Pool pool;
  const std::array blocks = {BlockOf(kBase, 0), BlockOf(kBase - 0x1000, 0)};
  CheckError(EncodePmpoolBitmap(pool.pool(), blocks, pool.memory().Bytes(pool.pool().pool)), Errc::kMalformed, 1);
}

}  // namespace
}  // namespace holdfast
