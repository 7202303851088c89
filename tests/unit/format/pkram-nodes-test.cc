// SPDX-License-Identifier: BSD-2-Clause

#include "common/format/pkram-nodes.h"

#include "common/abi/pkram.h"
#include "common/format/pkram.h"
#include "tests/support/arena-memory.h"
#include "tests/support/ranges.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::ArenaMemory;
using test::Between;
using test::BlockOf;
using test::CheckError;

constexpr std::uint64_t kArena = 0x10000000;
constexpr std::uint64_t kPfn = kArena / kPageSize;

struct Seen {
  std::vector<std::string> nodes;
  std::vector<PkramObject> objects;
  std::vector<PkramPage> pages;

  PkramSink sink() { return PkramSink(&Node, &Object, &Page, this); }

 private:
  static Status Node(void* self, const PkramNode& node) {
    static_cast<Seen*>(self)->nodes.emplace_back(node.name);
    return kDone;
  }
  static Status Object(void* self, const PkramObject& object) {
    static_cast<Seen*>(self)->objects.push_back(object);
    return kDone;
  }
  static Status Page(void* self, const PkramPage& page) {
    static_cast<Seen*>(self)->pages.push_back(page);
    return kDone;
  }
};

// Memory with one saved file, and what of it is kept.
class Saved {
 public:
  Saved() : memory_(kArena, 64), kept_(std::span(storage_)) {}

  void Encode(PkramForm form, std::span<const KeptBlock> blocks, std::span<const std::byte> data = {}) {
    const auto super = EncodePkram({.form = form, .blocks = blocks, .data = data}, memory_.arena());
    REQUIRE(super.ok());
    Keep(memory_.arena().used_range());
    for (const KeptBlock& block : blocks) {
      Keep(block.range);
    }
  }
  void Keep(PhysRange range) { REQUIRE(kept_.Add({.range = range}).ok()); }

  Status Walk(Seen& seen) {
    REQUIRE(kept_.Seal().ok());
    return WalkPkramNodes(PhysAddr(kArena), memory_.memory(), kept_, seen.sink());
  }
  Status Walk() {
    Seen seen;
    return Walk(seen);
  }
  ArenaMemory& memory() { return memory_; }
  PreservedMap& kept() { return kept_; }

 private:
  ArenaMemory memory_;
  std::array<KeptRange, 16> storage_{};
  PreservedMap kept_;
};

const std::array kBlocks = {BlockOf(0x40001000, 0), BlockOf(0x40002000, 1), BlockOf(0x40200000, 9)};

std::vector<std::byte> Text(std::size_t size) { return std::vector<std::byte>(size, std::byte{'t'}); }

TEST_CASE("A file and its bytes are found below the super block", "[format][pkram]") {
  const PkramForm form = GENERATE(PkramForm::kPageTable, PkramForm::kRegionList);
  const bool is_table = form == PkramForm::kPageTable;
  Saved saved;
  saved.Encode(form, kBlocks, Text(is_table ? 4096 : 4097));
  Seen seen;
  REQUIRE(saved.Walk(seen).ok());
  CHECK(seen.nodes == std::vector<std::string>{"holdfast-test"});
  REQUIRE(seen.objects.size() == 1);
  CHECK(seen.objects[0].form == (is_table ? PkramObjectForm::kRfc2020 : PkramObjectForm::kStreams));
  CHECK(seen.objects[0].data_length == (is_table ? 4096 : 4097));
  REQUIRE(seen.pages.size() == (is_table ? 4 : 5));
  CHECK(seen.pages[0].range == kBlocks[0].range);
  CHECK(seen.pages[1].index == 1);
  CHECK(seen.pages[1].order == 1);
  CHECK(seen.pages[2].range == kBlocks[2].range);
  CHECK(seen.pages[2].index == 3);
  CHECK(seen.pages[2].flags == 1);
  CHECK_FALSE(seen.pages[2].is_data);
  CHECK(seen.pages[3].is_data);
  CHECK(seen.pages.back().index == (is_table ? 0 : 1));
}

TEST_CASE("Links of 2020 come newest first, the later ones oldest first", "[format][pkram]") {
  const PkramForm form = GENERATE(PkramForm::kPageTable, PkramForm::kRegionList);
  std::vector<KeptBlock> blocks;
  for (std::uint64_t i = 0; i < 511; ++i) {
    blocks.push_back(BlockOf(0x40000000 + i * kPageSize, 0));
  }
  ArenaMemory memory(kArena, 64);
  REQUIRE(EncodePkram({.form = form, .blocks = blocks}, memory.arena()).ok());
  std::array<KeptRange, 2> storage{};
  PreservedMap kept{std::span(storage)};
  REQUIRE(kept.Add({.range = memory.range()}).ok());
  REQUIRE(kept.Add({.range = Between(0x40000000, 0x40200000)}).ok());
  REQUIRE(kept.Seal().ok());
  Seen seen;
  REQUIRE(WalkPkramNodes(PhysAddr(kArena), memory.memory(), kept, seen.sink()).ok());
  REQUIRE(seen.pages.size() == 511);
  CHECK(seen.pages.front().index == (form == PkramForm::kPageTable ? 510 : 0));
  for (const PkramPage& page : seen.pages) {
    CHECK(page.range.start() == PhysAddr(0x40000000 + page.index * kPageSize));
  }
}

TEST_CASE("Objects of the later kernel are told from those that were posted", "[format][pkram]") {
  Saved saved;
  // Two of the longer form: node at 2, objects at 3 and 4, a link each at 5 and 6.
  const auto page = [](std::uint64_t i) { return kArena + i * kPageSize; };
  ArenaMemory& memory = saved.memory();
  memory.Set64(page(0), kPfn + 2);
  memory.Set64(page(0) + 8, kPfn + 1);
  memory.Set64(page(2) + 8, kPfn + 3);
  for (const std::uint64_t i : {3, 4}) {
    memory.Set64(page(i) + 16, kPfn + i + 2);
    memory.Set64(page(i) + 24, kPfn + i + 2);
    memory.Set64(page(i + 2) + 16, page(i + 10));
  }
  memory.Set64(page(3) + 32, kPfn + 4);
  saved.Keep(memory.range());
  Seen seen;
  REQUIRE(saved.Walk(seen).ok());
  REQUIRE(seen.objects.size() == 2);
  CHECK(seen.objects[0].form == PkramObjectForm::kIntel2020);
  REQUIRE(seen.pages.size() == 2);
  CHECK(seen.pages[0].range.start() == PhysAddr(page(13)));
  CHECK(seen.pages[1].range.start() == PhysAddr(page(14)));

  SECTION("and where neither fits, the error is that of the posted form") {
    memory.Set64(page(5) + 16, 0x77000);
    CheckError(saved.Walk(), Errc::kMalformed, 0x77000);
  }
}

TEST_CASE("A super block of nothing has no nodes", "[format][pkram]") {
  Saved saved;
  Seen seen;
  REQUIRE(saved.Walk(seen).ok());
  CHECK(seen.nodes.empty());
}

// Where EncodePkram() puts what, in the region-list form.
constexpr std::uint64_t kNode = kArena + kPageSize;
constexpr std::uint64_t kObject = kArena + 2 * kPageSize;
constexpr std::uint64_t kLink = kArena + 3 * kPageSize;
constexpr std::uint64_t kDataLink = kArena + 6 * kPageSize;  // behind two pages of data

TEST_CASE("Broken contents are refused by their defect", "[format][pkram]") {
  Saved saved;
  saved.Encode(PkramForm::kRegionList, kBlocks, Text(4097));
  REQUIRE(saved.Walk().ok());
  struct Case {
    const char* defect;
    std::uint64_t at, value;
    Errc code;
    std::uint64_t where;
  };
  const auto c = GENERATE(
      Case{"still being saved", kNode, 1, Errc::kMalformed, kNode},
      Case{"being loaded", kNode, 2, Errc::kMalformed, kNode},
      Case{"node leads to itself", kNode + 16, kNode / kPageSize, Errc::kCycle, kNode},
      Case{"next node not kept", kNode + 16, kPfn + 63, Errc::kMalformed, kArena + 63 * kPageSize},
      Case{"next node where nothing is", kNode + 16, 1, Errc::kUnreadable, kPageSize},
      Case{"next node past the last address", kNode + 16, kPhysLimit / kPageSize, Errc::kOutOfBounds, kPhysLimit},
      Case{"object not kept", kNode + 8, kPfn + 63, Errc::kMalformed, kArena + 63 * kPageSize},
      Case{"object leads to itself", kObject + 40, kObject / kPageSize, Errc::kCycle, kObject},
      Case{"link not kept", kObject, kPfn + 63, Errc::kMalformed, kArena + 63 * kPageSize},
      Case{"link leads to itself", kLink, kLink / kPageSize, Errc::kCycle, kLink},
      Case{"page not kept", kLink + 16, 0x50000000, Errc::kMalformed, 0x50000000},
      Case{"page kept in part", kLink + 16, 0x40000002, Errc::kMalformed, 0x40000000},
      Case{"page not of its order", kLink + 16, 0x40001001, Errc::kMisaligned, 0x40001000},
      Case{"page past the last address", kLink + 16, kPhysLimit, Errc::kOutOfBounds, kPhysLimit},
      Case{"data of another order", kDataLink + 16, kArena + 4 * kPageSize + 1, Errc::kMalformed, kDataLink + 16},
      Case{"data shorter than its pages", kObject + 32, 4096, Errc::kMalformed, kObject},
      Case{"data longer than its pages", kObject + 32, 8193, Errc::kMalformed, kObject},
      Case{"data of all lengths", kObject + 32, ~std::uint64_t{0}, Errc::kMalformed, kObject},
      Case{"no data for a length", kObject + 16, 0, Errc::kMalformed, kObject});
  INFO(c.defect);
  saved.memory().Set64(c.at, c.value);
  CheckError(saved.Walk(), c.code, c.where);
}

TEST_CASE("A node has a name of its own", "[format][pkram]") {
  Saved saved;
  saved.Encode(PkramForm::kRegionList, kBlocks);
  SECTION("that ends") {
    std::fill_n(saved.memory().At(kNode + 24), 256, std::byte{'x'});
    CheckError(saved.Walk(), Errc::kMalformed, kNode);
  }
  SECTION("that no other has") {
    constexpr std::uint64_t kOther = kArena + 32 * kPageSize;
    saved.Keep(Between(kOther, kOther + kPageSize));
    saved.memory().Set64(kNode + 16, kOther / kPageSize);
    std::copy_n(saved.memory().At(kNode + 24), 256, saved.memory().At(kOther + 24));
    CheckError(saved.Walk(), Errc::kMalformed, kOther);
    *saved.memory().At(kOther + 24) = std::byte{'H'};
    Seen seen;
    REQUIRE(saved.Walk(seen).ok());
    CHECK(seen.nodes == std::vector<std::string>{"holdfast-test", "Holdfast-test"});
  }
}

TEST_CASE("There are as many nodes as a limit", "[format][pkram]") {
  const bool is_too_many = GENERATE(false, true);
  const std::uint64_t count = kMaxPkramNodes + (is_too_many ? 1 : 0);
  ArenaMemory memory(kArena, count + 1);
  memory.Set64(kArena, kPfn + 1);
  for (std::uint64_t i = 1; i <= count; ++i) {
    memory.Set64(kArena + i * kPageSize + 16, i == count ? 0 : kPfn + i + 1);
    *memory.At(kArena + i * kPageSize + 24) = static_cast<std::byte>(i % 255 + 1);
    *memory.At(kArena + i * kPageSize + 25) = static_cast<std::byte>(i / 255 + 1);
  }
  std::array<KeptRange, 1> storage{};
  PreservedMap kept{std::span(storage)};
  REQUIRE(kept.Add({.range = memory.range()}).ok());
  REQUIRE(kept.Seal().ok());
  Seen seen;
  const Status status = WalkPkramNodes(PhysAddr(kArena), memory.memory(), kept, seen.sink());
  if (is_too_many) {
    CheckError(status, Errc::kTooLarge, kMaxPkramNodes);
  } else {
    CHECK(status.ok());
    CHECK(seen.nodes.size() == count);
  }
}

}  // namespace
}  // namespace holdfast
