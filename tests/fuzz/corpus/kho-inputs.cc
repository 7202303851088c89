// SPDX-License-Identifier: BSD-2-Clause
// Seeds of KHO's fuzz targets.

#include "tests/fuzz/corpus/corpus.h"

#include <string>

#include "common/abi/kho.h"
#include "common/format/fdt.h"
#include "common/format/kho.h"
#include "tests/fuzz/page-memory.h"
#include "tests/support/page-memory.h"

namespace holdfast::corpus {
namespace {

KeptBlock Block(std::uint64_t start, int order, std::uint64_t count = 1) {
  return {.range = Between(start, start + (count << (12 + order))), .order = static_cast<std::int8_t>(order)};
}

constexpr std::uint64_t kStart = fuzz::PageMemory::kStart;
const std::array kScratch = {Between(0x8000000, 0x9000000)};
constexpr std::uint64_t kArray = 0x8010000;

// A handover whose tree is the first page and whose map begins at the second.
void WriteMap(const std::string& target, const std::string& name, std::uint8_t choice, const KhoImage& image) {
  test::PageMemory memory;
  const auto bytes = memory.Add(kStart, fuzz::PageMemory::kPages);
  PageArena arena(Between(kStart, kStart + bytes.size()), bytes);
  PageArena array = memory.AddArena(kArray, 1);
  Require(EncodeKho(image, arena, array).ok());
  std::memset(bytes.data(), 0, kPageSize);
  Write(target, name, fuzz::PageMemory::InputOf({choice, 1}, bytes));
}

void WriteMaps() {
  const std::array blocks = {Block(0x41fff000, 0, 2), Block(0x50000000, 4), Block(0x80000000, 10, 3)};
  const auto image = [&](KhoDialect dialect, KhoBitmaps bitmaps) {
    return KhoImage{.dialect = dialect, .bitmaps = bitmaps, .blocks = blocks, .scratch = kScratch, .clients = {}};
  };
  WriteMap("kho-bitmaps", "512", 1, image(KhoDialect::kV1, KhoBitmaps::k512));
  WriteMap("kho-bitmaps", "512-by-proof", 0, image(KhoDialect::kV1, KhoBitmaps::k512));
  WriteMap("kho-bitmaps", "4096", 2, image(KhoDialect::kV1, KhoBitmaps::k4096));
  WriteMap("kho-bitmaps", "4096-in-doubt", 0, image(KhoDialect::kV1, KhoBitmaps::k4096));
  WriteMap("kho-radix", "three-orders", 2, image(KhoDialect::kV4, KhoBitmaps::kUnknown));

  const std::array huge = {Block(std::uint64_t{1} << 51, 39)};
  WriteMap("kho-radix", "huge", 1,
           {.dialect = KhoDialect::kV3, .bitmaps = {}, .blocks = huge, .scratch = kScratch, .clients = {}});
}

void WriteSeries(const std::string& name, const KhoImage& image) {
  test::PageMemory memory;
  PageArena arena = memory.AddArena(kStart, 16);
  PageArena array = memory.AddArena(kArray, 1);
  const KhoRecord record = EncodeKho(image, arena, array).value();
  const auto cache = memory.memory().View(record.mem_cache).value();
  const auto tree = FdtView::Open(memory.memory().View(record.fdt).value()).value().bytes();
  std::vector<std::byte> bytes = {static_cast<std::byte>(record.is_2023), static_cast<std::byte>(cache.size() / 16)};
  bytes.insert(bytes.end(), cache.begin(), cache.end());
  bytes.insert(bytes.end(), tree.begin(), tree.end());
  Write("kho-series", name, bytes);
}

void WriteAllSeries() {
  const std::array blocks = {Block(0x40000000, 0, 2), Block(0x50000000, 4)};
  const std::array clients = {KhoClient{"LUO", PhysAddr(0x60000000), 32}};
  const auto image = [&](KhoDialect dialect, bool is_2023) {
    return KhoImage{.dialect = dialect, .is_2023 = is_2023, .blocks = blocks, .scratch = kScratch, .clients = clients};
  };
  WriteSeries("mem", image(KhoDialect::kSeriesMem, false));
  WriteSeries("mem-cache", image(KhoDialect::kSeriesMem, true));
  WriteSeries("metadata", image(KhoDialect::kSeriesMetadata, false));
  WriteSeries("v1-clients", image(KhoDialect::kV1, false));
  WriteSeries("v4-clients", image(KhoDialect::kV4, false));
}

// A session with a memfd of two folios: LUO, sessions, files, the file, the chunk of its area, its page.
void WriteLuo() {
  test::PageMemory memory;
  const auto bytes = memory.Add(kStart, fuzz::PageMemory::kPages);
  const auto page = [](std::uint64_t i) { return kStart + i * kPageSize; };
  memory.Put(page(0), KhoLuo{{'l', 'u', 'o', '-', 'v', '5'}, Le64(1), Le64(page(1)), Le64(0)});
  memory.Put(page(1), KhoBlockHeader{Le64(0), Le64(1)});
  memory.Put(page(1) + 16, KhoLuoSession{{'o', 'n', 'e'}, Le64(page(2)), Le64(1)});
  memory.Put(page(2), KhoBlockHeader{Le64(0), Le64(1)});
  memory.Put(page(2) + 16, KhoLuoFile{{'m', 'e', 'm', 'f', 'd', '-', 'v', '2'}, Le64(page(3)), Le64(7)});
  memory.Put(page(3), KhoMemfd{Le64(0), Le64(0x2000), Le32(0), Le32(0), Le64(2),
                               KhoVmalloc{Le64(page(4)), Le32(1), Le16(1), Le16(0)}});
  memory.Put(page(4) + 8, Le64(page(5)));
  memory.Put(page(5), KhoMemfdFolio{Le64(kKhoMemfdDirty | 0x40000), Le64(0)});
  memory.Put(page(5) + 16, KhoMemfdFolio{Le64(kKhoMemfdUpToDate | 0x50000), Le64(1)});
  Write("kho-clients", "luo", fuzz::PageMemory::InputOf({0, 0}, bytes));
}

void WriteOtherClients() {
  test::PageMemory memory;
  const auto bytes = memory.Add(kStart, fuzz::PageMemory::kPages);
  KhoKexecMetadata metadata{Le32(1), {'7', '.', '3', '.', '4'}, Le32(2)};
  memory.Put(kStart, metadata);
  Write("kho-clients", "sender", fuzz::PageMemory::InputOf({0, 0}, bytes));

  memory.Put(kStart, std::array<std::byte, sizeof(metadata)>{});
  memory.Put(kStart + 8, Le64(kStart + kPageSize));
  memory.Put(kStart + kPageSize, Le64(0x40000000));
  memory.Put(kStart + kPageSize + 8, Le64(0x50000003));
  Write("kho-clients", "test", fuzz::PageMemory::InputOf({0, 0, 2, 0, 0, 1, 0}, bytes));

  std::vector<std::uint64_t> storage(512);
  FdtWriter writer(std::as_writable_bytes(std::span(storage)));
  const Le64 start(0x40000000);
  const Le64 size(0x200000);
  writer.BeginNode("");
  writer.String(kho_fdt::kPropCompatible, kho_memblock::kCompatible);
  writer.BeginNode("trace");
  writer.String(kho_fdt::kPropCompatible, kho_memblock::kAreaCompatible);
  writer.Bytes(kho_memblock::kPropStart, std::as_bytes(std::span(&start, 1)));
  writer.Bytes(kho_memblock::kPropSize, std::as_bytes(std::span(&size, 1)));
  writer.EndNode();
  writer.EndNode();
  const auto tree = writer.Finish().value();
  std::vector<std::byte> input = {std::byte{1}};
  input.insert(input.end(), tree.begin(), tree.end());
  Write("kho-clients", "memblock", input);
}

}  // namespace

void WriteKhoInputs() {
  WriteMaps();
  WriteAllSeries();
  WriteLuo();
  WriteOtherClients();
}

}  // namespace holdfast::corpus
