// SPDX-License-Identifier: BSD-2-Clause
// Writes a handover of every dialect, as its system leaves it: write-dialects DIRECTORY.
//
// NAME.core is the memory that has it, NAME.record, NAME.dtb or NAME.cmdline what leads there.

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <vector>

#include "common/abi/kho.h"
#include "common/format/kho.h"
#include "common/format/pkram.h"
#include "common/format/pmpool.h"
#include "common/format/prmem.h"
#include "tests/support/arena-memory.h"
#include "tests/support/core-files.h"

namespace holdfast {
namespace {

using test::ArenaMemory;
using test::BlockOf;

std::filesystem::path root;

void Write(const std::string& name, std::span<const std::byte> bytes) {
  std::ofstream file(root / name, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) {
    std::cerr << "write-dialects: cannot write " << (root / name) << '\n';
    std::exit(1);
  }
}

void WriteText(const std::string& name, const std::string& text) { Write(name, std::as_bytes(std::span(text))); }

void WriteCore(const std::string& name, std::initializer_list<ArenaMemory*> memories) {
  std::vector<test::CorePiece> pieces;
  for (ArenaMemory* memory : memories) {
    const auto bytes = memory->Bytes(memory->range());
    pieces.push_back({.physical_address = memory->range().start().raw(), .bytes = {bytes.begin(), bytes.end()}});
  }
  Write(name, test::CoreFile(pieces));
}

PhysRange At(std::uint64_t start, std::uint64_t size) {
  return PhysRange::FromStartSize(PhysAddr(start), size).value();
}

template <typename T>
PhysAddr PutBlob(PageArena& arena, const T& blob) {
  const PageArena::Page page = arena.Take().value();
  std::memcpy(page.bytes, &blob, sizeof(blob));
  return page.at;
}

template <std::size_t N>
std::array<char, N> Name(std::string_view text) {
  std::array<char, N> out{};
  std::copy(text.begin(), text.end(), out.begin());
  return out;
}

// A list of one block with one entry.
template <typename T>
PhysAddr PutList(PageArena& arena, const T& entry) {
  struct {
    KhoBlockHeader header;
    T entry;
  } const list{.header = {.next = Le64(0), .count = Le64(1)}, .entry = entry};
  return PutBlob(arena, list);
}

// Two clients: who sent it, and a live update with a file of two pages, one of which is dirty.
std::array<KhoClient, 2> PutClients(PageArena& arena) {
  const KhoKexecMetadata metadata{
      .version = Le32(kKhoKexecMetadataVersion), .previous_release = Name<65>("7.3.4-test"), .kexec_count = Le32(2)};
  const std::array folios = {KhoMemfdFolio{.pfn_and_flags = Le64(0x40000 | kKhoMemfdDirty), .index = Le64(0)},
                             KhoMemfdFolio{.pfn_and_flags = Le64(0x40001), .index = Le64(1)}};
  const KhoVmallocChunk chunk{.next = Le64(0), .phys = {Le64(PutBlob(arena, folios).raw())}};
  const KhoMemfd memfd{
      .pos = Le64(0),
      .size = Le64(0x1800),
      .seals = Le32(0),
      .flags = Le32(0),
      .nr_folios = Le64(2),
      .folios = {
          .first = Le64(PutBlob(arena, chunk).raw()), .total_pages = Le32(1), .flags = Le16(0), .order = Le16(0)}};
  const KhoLuoFile file{
      .compatible = Name<48>(kKhoMemfdCompatible), .data = Le64(PutBlob(arena, memfd).raw()), .token = Le64(77)};
  const KhoLuoSession session{.name = Name<64>("guests"), .files = Le64(PutList(arena, file).raw()), .count = Le64(1)};
  const KhoLuo luo{.compatible = Name<8>(kKhoLuoCompatible),
                   .liveupdate_num = Le64(3),
                   .sessions = Le64(PutList(arena, session).raw()),
                   .flbs = Le64(0)};
  return {KhoClient{.name = kho_fdt::kClientMetadata, .blob = PutBlob(arena, metadata), .size = sizeof(metadata)},
          KhoClient{.name = kho_fdt::kClientLuo, .blob = PutBlob(arena, luo), .size = sizeof(luo)}};
}

// Changes the tree that says "kho-v4".
enum class Defect { kNone, kUnknownVersion, kNotFinalized };

void WriteKho(const std::string& name, KhoDialect dialect, KhoBitmaps bitmaps, std::span<const KeptBlock> blocks,
              Defect defect = Defect::kNone) {
  ArenaMemory own(0x7000000, 64);
  ArenaMemory blobs(0x40100000, 16);
  ArenaMemory scratch(0x8000000, 1);
  const std::array areas = {At(0x8000000, 0x1000000), At(0x200000000, 0x2000000)};
  const auto clients = PutClients(blobs.arena());
  const auto has_sizes = dialect == KhoDialect::kV3 || dialect == KhoDialect::kV4;
  const KhoRecord record =
      EncodeKho({.dialect = dialect,
                 .bitmaps = bitmaps,
                 .blocks = blocks,
                 .scratch = areas,
                 .clients = has_sizes ? std::span<const KhoClient>(clients) : std::span<const KhoClient>()},
                own.arena(), scratch.arena())
          .value();
  const auto tree = own.Bytes(record.fdt);
  if (defect == Defect::kNotFinalized) {
    std::fill(tree.begin(), tree.end(), std::byte{0});
  } else if (defect == Defect::kUnknownVersion) {
    constexpr std::string_view kVersion = "kho-v4";
    const auto letters = std::as_bytes(std::span(kVersion));
    *(std::search(tree.begin(), tree.end(), letters.begin(), letters.end()) + 5) = std::byte{'5'};
  }
  std::array<std::byte, 48> payload{};
  Write(name + ".record", EncodeKhoRecord(record, payload));
  Write(name + ".dtb", tree);
  WriteCore(name + ".core", {&own, &scratch, &blobs});
}

void WriteKhoDialects() {
  const std::array blocks = {BlockOf(0x40000000, 0), BlockOf(0x40001000, 0), BlockOf(0x40200000, 9),
                             BlockOf(0x140000000, 10)};
  WriteKho("kho-v2", KhoDialect::kV2, KhoBitmaps::kUnknown, blocks);
  WriteKho("kho-v3", KhoDialect::kV3, KhoBitmaps::kUnknown, blocks);
  WriteKho("kho-v4", KhoDialect::kV4, KhoBitmaps::kUnknown, blocks);
  WriteKho("kho-v1-512", KhoDialect::kV1, KhoBitmaps::k512, blocks);
  WriteKho("kho-v1-4096", KhoDialect::kV1, KhoBitmaps::k4096, blocks);
  // One bitmap, and nothing that tells its size.
  WriteKho("kho-v1-doubt", KhoDialect::kV1, KhoBitmaps::k4096, std::span(blocks).first(2));
  WriteKho("kho-series", KhoDialect::kSeriesMem, KhoBitmaps::kUnknown, blocks);
  WriteKho("kho-v5", KhoDialect::kV4, KhoBitmaps::kUnknown, blocks, Defect::kUnknownVersion);
  WriteKho("kho-not-finalized", KhoDialect::kV4, KhoBitmaps::kUnknown, blocks, Defect::kNotFinalized);
  const std::array overlapping = {BlockOf(0x40000000, 0), BlockOf(0x40200000, 9), BlockOf(0x40201000, 0)};
  WriteKho("kho-overlap", KhoDialect::kV4, KhoBitmaps::kUnknown, overlapping);
  const std::array in_scratch = {BlockOf(0x8400000, 0), BlockOf(0x40000000, 0)};
  WriteKho("kho-in-scratch", KhoDialect::kV4, KhoBitmaps::kUnknown, in_scratch);
}

void WritePkram(const std::string& name, PkramForm form, int levels) {
  ArenaMemory own(0x30000000, 64);
  const std::array blocks = {BlockOf(0x50000000, 0), BlockOf(0x50001000, 0), BlockOf(0x50200000, 9)};
  const PhysAddr super_block =
      EncodePkram({.form = form, .levels = levels, .blocks = blocks, .node_name = "guest0"}, own.arena()).value();
  char option[64];
  std::snprintf(option, sizeof(option), "root=/dev/sda1 pkram=%llx quiet\n",
                static_cast<unsigned long long>(super_block.raw() / kPageSize));
  WriteText(name + ".cmdline", option);
  WriteCore(name + ".core", {&own});
}

void WritePmpool() {
  ArenaMemory own(0x60000000, 1024);
  const Pmpool pool{.pool = own.range(), .bitmap = At(0x60000000, 0x80)};
  const std::array blocks = {BlockOf(0x60100000, 0), BlockOf(0x60200000, 9)};
  if (!EncodePmpoolBitmap(pool, blocks, own.Bytes(pool.pool)).ok()) {
    std::abort();
  }
  std::vector<std::uint64_t> storage(512);
  Write("pmpool.dtb", EncodePmpoolNode(pool, std::as_writable_bytes(std::span(storage))).value());
  WriteText("pmpool.cmdline", "pmpool=0x60000000,4M\n");
  WriteCore("pmpool.core", {&own});
}

void WritePrmem() {
  ArenaMemory own(0x70000000, 4);
  ArenaMemory heads(0x71000000, 1);
  const std::array regions = {At(0x71000000, 0x200000)};
  const std::array instances = {
      PrmemInstance{.subsystem = "ramdisk", .name = "pram0", .data = PhysAddr(0x71001000), .size = 0x8000}};
  const RegionHeads at(
      [](void* memory, PhysRange region) { return static_cast<ArenaMemory*>(memory)->At(region.start().raw()); },
      &heads);
  const PrmemOption option = EncodePrmem({.regions = regions, .instances = instances}, at, own.arena()).value();
  char line[96];
  std::snprintf(line, sizeof(line), "prmem=%lluK prmem_meta=0x%016llx\n",
                static_cast<unsigned long long>(option.size / 1024),
                static_cast<unsigned long long>(option.metadata.raw()));
  WriteText("prmem.cmdline", line);
  WriteCore("prmem.core", {&own, &heads});
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  using namespace holdfast;
  if (argc != 2) {
    std::cerr << "usage: write-dialects DIRECTORY\n";
    return 2;
  }
  root = argv[1];
  std::filesystem::create_directories(root);
  WriteKhoDialects();
  WritePkram("pkram-pgt4", PkramForm::kPageTable, 4);
  WritePkram("pkram-pgt5", PkramForm::kPageTable, 5);
  WritePkram("pkram-regions", PkramForm::kRegionList, 4);
  WritePmpool();
  WritePrmem();
}
