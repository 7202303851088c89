// SPDX-License-Identifier: BSD-2-Clause
// Seeds of the decoders that read one piece of memory.

#include "tests/fuzz/corpus/corpus.h"

#include <zstd.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "common/abi/efi-memory.h"
#include "common/format/boot-report.h"
#include "common/format/e820.h"
#include "common/format/handover-v1.h"
#include "common/format/handover-variable.h"
#include "common/format/kernel-header.h"
#include "common/format/range-list.h"
#include "common/format/setup-data-chain.h"
#include "tests/support/core-files.h"
#include "tests/support/kernel-files.h"
#include "tests/support/pe-files.h"

namespace holdfast::corpus {
namespace {

using test::Push;

void WriteHandovers() {
  const std::array guest = {Between(0x40000000, 0x48000000), Between(0x50000000, 0x50200000)};
  const std::array cache = {Between(0x60000000, 0x60001000)};
  const std::array scratch = {Between(0x1000000, 0x2000000)};
  const std::array ram = {Between(0x100000, 0x80000000)};
  const std::array released = {Between(0x70000000, 0x70200000)};
  Digest digest{};
  const std::array nodes = {
      HandoverV1Node{.name = "guest0", .owner = "qemu", .fence = Fence::kReserved, .ranges = guest, .sha256 = {}},
      HandoverV1Node{.name = "cache", .owner = "", .fence = Fence::kHeld, .ranges = cache, .sha256 = digest}};
  std::vector<std::uint64_t> storage(512);
  const auto bytes = std::as_writable_bytes(std::span(storage));
  Write("fdt-handover", "full",
        EncodeHandoverV1({.generation = 1,
                          .created_by = "make-corpus",
                          .policy = {.on_loss = OnLoss::kDrop, .overwrite_request = OverwriteRequest::kClear},
                          .preserved = nodes,
                          .scratch = scratch,
                          .ram = ram,
                          .released = released},
                         bytes)
            .value());

  // The target's memory is its input, from 0x10000 on, and its digests are all the same.
  std::vector<std::byte> list(64);
  const std::array runs = {BlockRun{Between(0x40000000, 0x40800000), 9}, BlockRun{Between(0x40800000, 0x40803000), 0}};
  const auto list_bytes = EncodeRangeList(runs, list).value();
  const RangeListPlace place{.range = Between(0x10000 + 2048, 0x10000 + 2048 + list_bytes.size()),
                             .digest = Sha256::Of({}, [](auto&, const std::byte*, std::size_t) {})};
  const std::array listed = {HandoverV1Node{
      .name = "listed", .owner = "", .fence = Fence::kReserved, .ranges = {}, .sha256 = {}, .range_list = place}};
  std::vector<std::byte> with_list(2048);
  const auto tree =
      EncodeHandoverV1({.generation = 0, .created_by = "", .policy = {}, .preserved = listed, .scratch = {}, .ram = {}},
                       bytes)
          .value();
  std::memcpy(with_list.data(), tree.data(), tree.size());
  Push(with_list, std::vector(list_bytes.begin(), list_bytes.end()));
  Write("fdt-handover", "range-list", with_list);
  Write("fdt-handover", "empty", EncodeHandoverV1(HandoverV1{}, bytes).value());
}

void WriteRangeLists() {
  const auto write = [](const std::string& name, const std::vector<BlockRun>& runs) {
    std::vector<std::byte> storage(256);
    Write("range-list", name, EncodeRangeList(runs, storage).value());
  };
  write("page", {{Between(0x1000, 0x2000), 0}});
  write("no-order", {{Between(0x40000000, 0x40123000), KeptBlock::kNoOrder}});
  write("orders", {{Between(0x100000000, 0x100400000), 10},
                   {Between(0x100400000, 0x100401000), 0},
                   {Between(0x100402000, 0x100404000), 1},
                   {Between(0x100600000, 0x101a00000), 9},
                   {Between(0x8000000000, 0xa000000000), 18}});
  write("up-to-the-limit", {{PhysRange::All(), kMaxRunOrder}});
}

void WriteReports() {
  const std::array kept = {KeptRange{.range = Between(0x1000, 0x3000)}};
  const std::array map = {MemEntry{Between(0, 0x9f000), MemType::kUsable},
                          MemEntry{Between(0x9f000, 0xa0000), MemType::kReserved}};
  const std::array timestamps = {Timestamp{"entry", 1}, Timestamp{"jump", 2}};
  BootReport report;
  report.version = "0.1.0";
  report.mode = "fence";
  report.handover_address = PhysAddr(0x1000);
  report.handover_digest = Digest{};
  report.kept = kept;
  report.map_before = map;
  report.map_after = map;
  report.kernel = Between(0x1000000, 0x2000000);
  report.timestamps = timestamps;
  std::vector<std::uint64_t> storage(512);
  Write("boot-report", "full", EncodeBootReport(report, std::as_writable_bytes(std::span(storage))).value());

  const std::array<std::string_view, 2> lost = {"guest0", "db"};
  report.lost = lost;
  report.measured = "pcr 15";
  report.overwrite_request = "clear";
  report.left_out = "handover";
  report.report_address = PhysAddr(0x5000);
  Write("boot-report", "from-firmware", EncodeBootReport(report, std::as_writable_bytes(std::span(storage))).value());
}

void WriteMaps() {
  std::vector<std::byte> e820 = {std::byte{0}};
  Push(e820, E820Entry{Le64(0), Le64(0x9f000), Le32(1)});
  Push(e820, E820Entry{Le64(0x100000), Le64(0x7ff00000), Le32(1)});
  Push(e820, E820Entry{Le64(0x1000000), Le64(0x1000), Le32(2)});
  Write("e820", "overlap", e820);

  std::vector<std::byte> efi = {std::byte{40}};
  Push(efi, EfiMemoryDescriptor{Le32(7), Le32(0), Le64(0x1000), Le64(0), Le64(0x100), Le64(0xf)});
  Push(efi, EfiMemoryDescriptor{Le32(5), Le32(0), Le64(0x200000), Le64(0), Le64(1), Le64(0xf)});
  Write("e820", "efi", efi);

  std::vector<std::byte> firmware = {std::byte{40}};
  Push(firmware, EfiMemoryDescriptor{Le32(3), Le32(0), Le64(0), Le64(0), Le64(1), Le64(0xf)});
  Push(firmware, EfiMemoryDescriptor{Le32(7), Le32(0), Le64(0x1000), Le64(0), Le64(0x9f), Le64(0xf)});
  Push(firmware, EfiMemoryDescriptor{Le32(4), Le32(0), Le64(0x100000), Le64(0), Le64(0x10), Le64(0xf)});
  Push(firmware, EfiMemoryDescriptor{Le32(4), Le32(0), Le64(0x110000), Le64(0), Le64(0x10), Le64(0xf)});
  Push(firmware, EfiMemoryDescriptor{Le32(0x80000042), Le32(0), Le64(0x120000), Le64(0), Le64(1), Le64(0xf)});
  Write("e820", "firmware", firmware);
}

// The memory after the first byte begins at address 1.
void WriteChains() {
  std::vector<std::byte> chain = {std::byte{1}};
  Push(chain, SetupDataHeader{Le64(21), Le32(kSetupRngSeed), Le32(4)});
  Push(chain, Le32(0));
  Push(chain, SetupDataHeader{Le64(0), Le32(kSetupIndirect), Le32(sizeof(SetupIndirect))});
  Push(chain, SetupIndirect{Le32(kSetupIndirectHeld), Le32(0), Le64(0x1000), Le64(0x100000)});
  Write("setup-data", "indirect", chain);

  std::vector<std::byte> cycle = {std::byte{1}};
  Push(cycle, SetupDataHeader{Le64(17), Le32(kSetupEfi), Le32(0)});
  Push(cycle, SetupDataHeader{Le64(1), Le32(kSetupEfi), Le32(0)});
  Write("setup-data", "cycle", cycle);

  std::vector<std::byte> high = {std::byte{1}};
  Push(high, SetupDataHeader{Le64(kPhysLimit - 16), Le32(kSetupEfi), Le32(0)});
  Push(high, SetupDataHeader{Le64(0), Le32(kSetupEfi), Le32(0)});
  Write("setup-data", "high", high);
}

void WriteKernels() {
  SetupHeader header = test::DebianHeader(1);
  header.boot_flag.Set(0);
  std::vector<std::byte> file(2 * 512 + 0x201);
  std::memcpy(file.data() + kSetupHeaderOffset, &header, sizeof(header));
  Write("kernel-header", "small", file);

  // A payload at the end of the file, of sixteen bytes with the size that it unpacks to.
  const auto with_payload = [&](const std::string& name, std::array<std::uint8_t, 4> magic) {
    header.payload_offset.Set(0x201);
    header.payload_length.Set(16);
    std::vector<std::byte> packed(file);
    std::memcpy(packed.data() + kSetupHeaderOffset, &header, sizeof(header));
    Push(packed, magic);
    Push(packed, Le64(0));
    Push(packed, Le32(0x3000000));
    Write("kernel-header", name, packed);
  };
  with_payload("zstd-payload", {0x28, 0xb5, 0x2f, 0xfd});
  with_payload("gzip-payload", {0x1f, 0x8b, 0x08, 0x00});
}

void WriteBundles() {
  const test::TestPart kernel = {.kind = BundlePartKind::kKernel, .stored = test::Filled(100, 1)};
  Write("bundle", "kernel", test::BuildBundle({kernel}));
  Write("bundle", "all-parts",
        test::BuildBundle({{.kind = BundlePartKind::kVmlinux,
                            .stored = test::Filled(50, 2),
                            .encoding = BundleEncoding::kZstd,
                            .size = 5000},
                           kernel,
                           {.kind = BundlePartKind::kInitrd, .stored = test::Filled(40, 3)},
                           {.kind = BundlePartKind::kHandover, .stored = test::Filled(30, 4)},
                           {.kind = BundlePartKind::kCommandLine, .stored = test::Filled(20, 'x')}},
                          KernelEntry::kVmlinux));
  Write("bundle", "no-vmlinux", test::BuildBundle({kernel}, KernelEntry::kVmlinux));
}

void WriteImages() {
  test::TestPe pe = test::SmallPe();
  Write("pe-image", "file", pe.Build());
  Write("pe-image", "loaded", pe.Load());
  pe.signature = test::Filled(16, 0x30);
  Write("pe-image", "signed", pe.Build());
}

void WriteVariables() {
  HandoverVariable variable;
  variable.at = Between(0x40000000, 0x40000123);
  const auto write = [&variable](const std::string& name) {
    std::vector<std::byte> bytes;
    Push(bytes, EncodeHandoverVariable(variable));
    Write("handover-variable", name, bytes);
  };
  write("tree");
  variable.kind = HandoverVariableKind::kKho;
  variable.is_one_shot = false;
  variable.scratch = Between(0x50000000, 0x50000020);
  write("kho");
}

void WriteTexts() {
  Write("input-text", "line", std::string("ro quiet\tinit=/x \n\0\0", 20));
  Write("input-text", "os-release", std::string("ID=x\nPRETTY_NAME=\"Some OS\"\nPRETTY_NAME='y'\n"));
  const std::u16string options = u"a\u00fc\u20ac\U0001f600";
  Write("input-text", "options", std::as_bytes(std::span(options)));
}

// Behind a byte with their load address: 16 MiB.
void WriteVmlinux(const std::string& name, const test::TestVmlinux& kernel) {
  std::vector<std::byte> bytes = {std::byte{1}};
  Push(bytes, kernel.Build());
  Write("vmlinux", name, bytes);
}

void WriteUnpackedKernels() {
  test::TestVmlinux kernel = test::SmallVmlinux();
  WriteVmlinux("three-tables", kernel);
  kernel.tables.erase(kernel.tables.begin() + 1);
  WriteVmlinux("two-tables", kernel);
  kernel.tables.clear();
  WriteVmlinux("no-tables", kernel);
}

// The kernel that stands in front of them takes 2 MiB from 16 MiB on.
void WriteRelocations() {
  const auto write = [](const std::string& name, const std::vector<std::vector<std::uint32_t>>& tables) {
    std::vector<std::byte> bytes;
    for (const auto& table : tables) {
      Push(bytes, Le32(0));
      for (const std::uint32_t offset : table) {
        Push(bytes, Le32(0x81000000 + offset));
      }
    }
    Write("relocations", name, bytes);
  };
  write("three-tables", {{0x0, 0x10}, {0x20}, {0x30, 0x31}});
  write("two-tables", {{0x8, 0x100}, {0x11, 0x1000}});
  write("last-places", {{0x1ffff8}, {0x1ffffc}, {0x1ffffc}});
  write("outside", {{0x1ffff9}, {0x0}});
}

// Behind the room that there is for what they unpack to, in KiB, and three bytes that do not concern a whole frame.
void WriteFrames() {
  const auto write = [](const std::string& name, unsigned room, const std::vector<std::byte>& bytes, int checksum) {
    ZSTD_CCtx* const context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    std::vector<std::byte> packed(ZSTD_compressBound(bytes.size()));
    packed.resize(ZSTD_compress2(context, packed.data(), packed.size(), bytes.data(), bytes.size()));
    ZSTD_freeCCtx(context);
    std::vector<std::byte> input = {static_cast<std::byte>(room), std::byte{0}, std::byte{9}, std::byte{1}};
    Push(input, packed);
    Write("zstd", name, input);
  };
  std::vector<std::byte> mixed;
  for (unsigned i = 0; i < 3000; ++i) {
    mixed.push_back(static_cast<std::byte>("kept memory"[(i * i + i / 7) % 11]));
  }
  write("run", 8, test::Filled(5000, 'r'), 0);
  write("run-with-checksum", 8, test::Filled(5000, 'r'), 1);
  write("run-too-large", 1, test::Filled(5000, 'r'), 0);
  write("mixed", 8, mixed, 0);
  write("empty", 0, {}, 0);
  // To be packed.
  std::vector<std::byte> plain = {std::byte{8}, std::byte{0}, std::byte{9}, std::byte{1}};
  Push(plain, mixed);
  Write("zstd", "plain", plain);
}

void WriteLines() {
  const std::string digest(64, '5');
  Write("command-line", "handover", "quiet holdfast=0x7f000000,8K," + digest + " root=\"a b\" -- x");
  Write("command-line", "serial",
        std::string("console=tty0 earlyprintk=serial,ttyS1,57600,keep console=ttyS0,115200n8"));
  Write("command-line", "two", "\"holdfast=4096,010," + digest + "\" hold-fast holdfast=1G,0x10," + digest);
}

void WriteCaptures() {
  const std::array pieces = {test::CorePiece{.physical_address = 0x100000, .bytes = test::Filled(64, 'a')},
                             test::CorePiece{.physical_address = 0x1000, .bytes = test::Filled(32, 'b')}};
  Write("elf-core", "two-segments", test::CoreFile(pieces));
  // Program headers may lie in the header itself.
  Elf64Header folded = test::CoreHeader(1);
  folded.program_headers_offset = Le64(0);
  Write("elf-core", "headers-in-header", std::as_bytes(std::span(&folded, 1)));
  Write("memory-lists", "badram", std::string("0x7ddf0000,0xffffc000,0x100000,0xffffffffff9ff000"));
  Write("memory-lists", "memmap", std::string("64M$0x10000000,1G!4G,exactmap,640K@0,2G%0x0-1+2"));
}

}  // namespace

void WriteSingleInputs() {
  WriteHandovers();
  WriteRangeLists();
  WriteReports();
  WriteMaps();
  WriteChains();
  WriteKernels();
  WriteBundles();
  WriteImages();
  WriteVariables();
  WriteTexts();
  WriteUnpackedKernels();
  WriteRelocations();
  WriteFrames();
  WriteLines();
  WriteCaptures();
}

}  // namespace holdfast::corpus
