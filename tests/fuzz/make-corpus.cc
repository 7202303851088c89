// SPDX-License-Identifier: BSD-2-Clause
// Writes the seeds of the fuzz targets: make-corpus DIRECTORY.
//
// One sound input of each kind, from which a fuzzer finds the rest.  They are committed in tests/data/fuzz/.

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "common/abi/efi-memory.h"
#include "common/format/boot-report.h"
#include "common/format/e820.h"
#include "common/format/handover-v1.h"
#include "common/format/kernel-header.h"
#include "common/format/setup-data-chain.h"

namespace holdfast {
namespace {

std::filesystem::path root;

void Write(const std::string& target, const std::string& name, std::span<const std::byte> bytes) {
  std::filesystem::create_directories(root / target);
  std::ofstream file(root / target / name, std::ios::binary);
  file.write(static_cast<const char*>(static_cast<const void*>(bytes.data())),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) {
    std::cerr << "make-corpus: cannot write " << (root / target / name) << '\n';
    std::exit(1);
  }
}

void Write(const std::string& target, const std::string& name, const std::string& text) {
  Write(target, name, std::as_bytes(std::span(text)));
}

template <typename T>
void Push(std::vector<std::byte>& to, const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  to.insert(to.end(), bytes.begin(), bytes.end());
}

PhysRange Between(std::uint64_t start, std::uint64_t end) {
  return PhysRange::FromStartEnd(PhysAddr(start), PhysAddr(end)).value();
}

void WriteHandovers() {
  const std::array guest = {Between(0x40000000, 0x48000000), Between(0x50000000, 0x50200000)};
  const std::array cache = {Between(0x60000000, 0x60001000)};
  const std::array scratch = {Between(0x1000000, 0x2000000)};
  const std::array ram = {Between(0x100000, 0x80000000)};
  Digest digest{};
  const std::array nodes = {
      HandoverV1Node{.name = "guest0", .owner = "qemu", .fence = Fence::kReserved, .ranges = guest, .sha256 = {}},
      HandoverV1Node{.name = "cache", .owner = "", .fence = Fence::kHeld, .ranges = cache, .sha256 = digest}};
  std::vector<std::uint64_t> storage(512);
  const auto bytes = std::as_writable_bytes(std::span(storage));
  Write("fdt-handover", "full",
        EncodeHandoverV1({.generation = 1,
                          .created_by = "make-corpus",
                          .policy = {},
                          .preserved = nodes,
                          .scratch = scratch,
                          .ram = ram},
                         bytes)
            .value());
  Write("fdt-handover", "empty", EncodeHandoverV1(HandoverV1{}, bytes).value());
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
  SetupHeader header{};
  header.setup_sects = std::byte{1};
  header.header.Set(kSetupHeaderMagic);
  header.version.Set(0x020f);
  header.loadflags = std::byte{1};
  header.kernel_alignment.Set(0x200000);
  header.relocatable_kernel = std::byte{1};
  header.xloadflags.Set(0x7f);
  header.pref_address.Set(0x1000000);
  header.init_size.Set(0x3378000);
  std::vector<std::byte> file(2 * 512 + 0x201);
  std::memcpy(file.data() + kSetupHeaderOffset, &header, sizeof(header));
  Write("kernel-header", "small", file);
}

void WriteLines() {
  const std::string digest(64, '5');
  Write("command-line", "handover", "quiet holdfast=0x7f000000,8K," + digest + " root=\"a b\" -- x");
  Write("command-line", "two", "\"holdfast=4096,010," + digest + "\" hold-fast holdfast=1G,0x10," + digest);
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  using namespace holdfast;
  if (argc != 2) {
    std::cerr << "usage: make-corpus DIRECTORY\n";
    return 2;
  }
  root = argv[1];
  WriteHandovers();
  WriteReports();
  WriteMaps();
  WriteChains();
  WriteKernels();
  WriteLines();
}
