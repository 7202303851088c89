// SPDX-License-Identifier: BSD-2-Clause
// Seeds of the fuzz targets that walk pages: PKRAM, pmpool, prmem.

#include "tests/fuzz/corpus/corpus.h"

#include <array>
#include <string>
#include <vector>

#include "common/format/handover-v1.h"
#include "common/format/pkram.h"
#include "common/format/pmpool.h"
#include "common/format/prmem.h"
#include "tests/fuzz/page-memory.h"
#include "tests/support/arena-memory.h"

namespace holdfast::corpus {
namespace {

using fuzz::PageMemory;
using test::ArenaMemory;
using test::BlockOf;

using corpus::Write;

void Write(const std::string& target, const std::string& name, const PageMemory::Header& header, ArenaMemory& memory) {
  Write(target, name, PageMemory::InputOf(header, memory.Bytes(memory.range())));
}

// The last pages are the file's, so that its contents may be anything.
void WritePkram() {
  const auto page = [](std::uint64_t i) { return PageMemory::PageAt(i).raw(); };
  const std::array blocks = {BlockOf(page(20), 0), BlockOf(page(22), 1), BlockOf(page(28), 2)};
  const std::vector<std::byte> data(4096);
  const auto write = [&](const std::string& name, PkramForm form, int levels) {
    ArenaMemory memory(PageMemory::kStart, PageMemory::kPages, 20);
    static_cast<void>(
        EncodePkram({.form = form, .levels = levels, .blocks = blocks, .data = data}, memory.arena()).value());
    Write("pkram", name, {static_cast<std::uint8_t>(levels), 0}, memory);
    Write("read-handovers", "pkram-" + name, {/*kHasPkram*/ 8, 0, 0, 0, 0, 0, PageMemory::kPages - 1}, memory);
  };
  write("table-4", PkramForm::kPageTable, 4);
  write("table-5", PkramForm::kPageTable, 5);
  write("regions", PkramForm::kRegionList, 0);
}

// A pool whose bitmap begins at its third page.
void WritePmpool() {
  constexpr std::uint64_t kPages = 3072;
  const PhysRange range = PhysRange::FromStartSize(PageMemory::PageAt(0), kPages * kPageSize).value();
  const Pmpool pool{range, PhysRange::FromStartSize(PageMemory::PageAt(2), AlignUp(kPages, 64) / 8).value()};
  std::vector<std::byte> bytes(range.size());
  const std::array blocks = {BlockOf(PageMemory::kStart, 0), BlockOf(PageMemory::kStart + 0x200000, 9)};
  Require(EncodePmpoolBitmap(pool, blocks, bytes).ok());
  Write("pmpool", "bitmap",
        PageMemory::InputOf({0, (kPages - 1) & 0xff, (kPages - 1) >> 8, 0, 2},
                            std::span(bytes).first(PageMemory::kSize)));

  std::vector<std::uint64_t> storage(64);
  const auto tree = EncodePmpoolNode(pool, std::as_writable_bytes(std::span(storage))).value();
  std::vector<std::byte> node = {std::byte{1}};
  node.insert(node.end(), tree.begin(), tree.end());
  Write("pmpool", "node", node);
}

void WritePrmem() {
  const auto region = [](std::uint64_t page, std::uint64_t pages) {
    return PhysRange::FromStartSize(PageMemory::PageAt(page), pages * kPageSize).value();
  };
  const std::array regions = {region(8, 4), region(16, 2)};
  const std::array instances = {
      PrmemInstance{.subsystem = "ramdisk", .name = "pram0", .data = PageMemory::PageAt(9), .size = 4096}};
  const auto head = [](void* memory, PhysRange of) -> std::byte* {
    return static_cast<ArenaMemory*>(memory)->At(of.start().raw());
  };
  for (std::size_t i = 0; i < kPrmemVariants.size(); ++i) {
    ArenaMemory memory(PageMemory::kStart, PageMemory::kPages, 8);
    PrmemImage image{.metadata_size = kPrmemVariants[i].size,
                     .direct_map = i == 1 ? kDirectMap5Level : kDirectMap4Level,
                     .regions = regions};
    if (kPrmemVariants[i].instances != 0) {
      image.instances = instances;
    }
    const PrmemOption option = EncodePrmem(image, RegionHeads(head, &memory), memory.arena()).value();
    const auto page = static_cast<std::uint8_t>((option.metadata.raw() - PageMemory::kStart) / kPageSize);
    Write("read-handovers", "prmem-" + std::to_string(kPrmemVariants[i].size),
          {/*kHasPrmem*/ 32, 0, 0, 0, page, 0, PageMemory::kPages - 1}, memory);
    Write("prmem", std::to_string(kPrmemVariants[i].size), {static_cast<std::uint8_t>(i), 0, 1}, memory);
  }
}

// A tree in the first page with three names: intact, lost, and one that nobody can tell of.
void WriteTree() {
  const auto page = [](std::uint64_t i) {
    return std::array{PhysRange::FromStartSize(PageMemory::PageAt(i), kPageSize).value()};
  };
  const auto intact = page(8);
  const auto lost = page(10);
  const auto silent = page(12);
  const Digest digest = Sha256::Of(std::vector<std::byte>(kPageSize));
  const std::array nodes = {
      HandoverV1Node{.name = "intact", .owner = "", .fence = Fence::kPmem, .ranges = intact, .sha256 = digest},
      HandoverV1Node{.name = "lost", .owner = "", .fence = Fence::kHeld, .ranges = lost, .sha256 = Digest{}},
      HandoverV1Node{.name = "silent", .owner = "", .ranges = silent, .sha256 = {}}};
  std::vector<std::uint64_t> storage(512);
  const auto tree = EncodeHandoverV1({.created_by = "", .policy = {}, .preserved = nodes, .scratch = {}, .ram = {}},
                                     std::as_writable_bytes(std::span(storage)))
                        .value();
  // The words of a tree are whole: its blocks are aligned, and its storage was zero.
  std::vector<std::byte> bytes(tree.begin(), tree.end());
  bytes.resize(AlignUp(bytes.size(), sizeof(Le64)));
  const auto write = [&bytes](const std::string& name, std::uint8_t flags) {
    Write("read-handovers", name, PageMemory::InputOf({flags, 0, 0, 0, 0, 0, PageMemory::kPages - 1}, bytes));
  };
  write("tree", /*kHasTree*/ 64);
  write("tree-from-outside", /*kHasTree | kIsOutside*/ 64 | 128);
}

}  // namespace

void WritePageInputs() {
  WriteTree();
  WritePkram();
  WritePmpool();
  WritePrmem();
}

}  // namespace holdfast::corpus
