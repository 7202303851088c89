// SPDX-License-Identifier: BSD-2-Clause
// What a machine says of itself, and the boot_params that are made of it.

#include "tools/mkhandover/machine.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "common/format/e820.h"
#include "common/format/setup-data-chain.h"
#include "tests/tool/fake-machine.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/params-block.h"
#include "tools/mkhandover/reused-cmdline.h"

namespace holdfast::tool {
namespace {

constexpr std::uint64_t kAddress = 0x1'2345'6000;

class Said {
 public:
  Output& output() { return output_; }
  std::string text() const { return err_.str(); }

 private:
  std::ostringstream out_;
  std::ostringstream err_;
  Output output_{out_, err_, {}, {}};
};

SetupHeader StageHeader() {
  SetupHeader header{};
  header.boot_flag.Set(0xaa55);
  header.header.Set(kSetupHeaderMagic);
  header.version.Set(0x020f);
  header.loadflags = std::byte{1};
  header.xloadflags.Set(0x73);
  return header;
}

// A byte of boot_params by its offset, as zero-page.rst lists them.
std::byte& At(BootParams& params, std::size_t offset) { return std::as_writable_bytes(std::span(&params, 1))[offset]; }

RngSeed Seed() {
  RngSeed seed;
  seed.fill(std::byte{0x5e});
  return seed;
}

// A block, read as the stage reads it.
class Read {
 public:
  explicit Read(const ParamsBlock& block,
                PhysRange initrd = PhysRange::FromStartSize(PhysAddr(0x2'0000'0000), 0x1234).value())
      : bytes_(block.At(kAddress, initrd)) {
    std::memcpy(&params, bytes_.data(), sizeof(params));
    const PhysMemory memory(&Read::At, this);
    REQUIRE(ReadSetupDataChain(memory, PhysAddr(params.hdr.setup_data.value()), nodes).ok());
  }

  std::span<const std::byte> View(std::uint64_t address, std::size_t size) const {
    REQUIRE(address >= kAddress);
    return std::span(bytes_).subspan(address - kAddress, size);
  }
  std::span<const std::byte> Payload(std::uint32_t type) const {
    for (const SetupDataNode& node : nodes) {
      if (node.type == type) {
        return View(node.payload.start().raw(), node.payload.size());
      }
    }
    return {};
  }
  std::string cmdline() const {
    const std::uint64_t at = std::uint64_t{params.ext_cmd_line_ptr.value()} << 32 | params.hdr.cmd_line_ptr.value();
    return reinterpret_cast<const char*>(View(at, 1).data());
  }

  BootParams params;
  SetupDataNodes nodes;

 private:
  static const std::byte* At(const void* self, PhysRange range) {
    const auto& bytes = static_cast<const Read*>(self)->bytes_;
    const bool inside = range.start().raw() >= kAddress && range.end().raw() <= kAddress + bytes.size();
    return inside ? bytes.data() + (range.start().raw() - kAddress) : nullptr;
  }

  std::vector<std::byte> bytes_;
};

std::uint64_t Get64(std::span<const std::byte> bytes, std::size_t offset) {
  Le64 out;
  std::memcpy(&out, bytes.subspan(offset, sizeof(out)).data(), sizeof(out));
  return out.value();
}

TEST_CASE("A PC's boot_params are made of its own", "[tool][params-block]") {
  FakeMachine fake;
  At(fake.params, 0xf) = std::byte{0x23};
  At(fake.params, 7) = std::byte{80};
  fake.params.acpi_rsdp_addr.Set(0xf52c0);
  At(fake.params, 0x1e9) = std::byte{1};     // eddbuf_entries
  At(fake.params, 0xd00) = std::byte{0x80};  // the first of them
  At(fake.params, 0x290) = std::byte{0x11};  // and a disk's signature
  fake.params.hdr.setup_data.Set(0x1000);    // the last boot's
  fake.params.ext_ramdisk_image.Set(7);
  fake.WriteParams();
  Said said;
  const Machine machine = ReadMachine(fake.root(), said.output());
  CHECK(said.text().empty());
  CHECK_FALSE(machine.is_5_levels);
  CHECK(machine.efi == nullptr);
  const ParamsBlock block(machine, StageHeader(), "console=ttyS0 quiet", Seed());
  CHECK(block.size() == 0x2000);
  Read read(block);

  CHECK(At(read.params, 0xf) == std::byte{0x23});
  CHECK(At(read.params, 7) == std::byte{80});
  CHECK(read.params.acpi_rsdp_addr.value() == 0xf52c0);
  CHECK(At(read.params, 0x1e9) == std::byte{1});
  CHECK(At(read.params, 0xd00) == std::byte{0x80});
  CHECK(At(read.params, 0x290) == std::byte{0x11});
  CHECK(read.params.sentinel == std::byte{0});
  CHECK(read.params.hdr.header.value() == kSetupHeaderMagic);
  CHECK(read.params.hdr.xloadflags.value() == 0x73);
  CHECK(read.params.hdr.type_of_loader != std::byte{0});
  CHECK(read.params.hdr.ramdisk_image.value() == 0);
  CHECK(read.params.ext_ramdisk_image.value() == 2);
  CHECK(read.params.hdr.ramdisk_size.value() == 0x1234);
  CHECK(read.cmdline() == "console=ttyS0 quiet");
  CHECK(read.params.efi_info.loader_signature.value() == 0);

  CHECK(read.params.e820_entries == std::byte{3});
  CHECK(read.params.e820_table[1].addr.value() == 0x100000);
  CHECK(read.params.e820_table[1].size.value() == 0x7ff00000);
  CHECK(read.params.e820_table[1].type.value() == 1);
  CHECK(read.params.e820_table[2].type.value() == 2);
  REQUIRE(read.nodes.size() == 1);
  const auto seed = read.Payload(kSetupRngSeed);
  CHECK(std::vector<std::byte>(seed.begin(), seed.end()) == std::vector<std::byte>(32, std::byte{0x5e}));
}

TEST_CASE("More entries than boot_params hold go on in a node", "[tool][params-block]") {
  FakeMachine fake;
  for (std::uint64_t i = 0; i < 200; ++i) {
    fake.AddMemory(0x1'0000'0000 + i * 0x10000, 0x1'0000'7fff + i * 0x10000, "System RAM");
  }
  Said said;
  const Machine machine = ReadMachine(fake.root(), said.output());
  Read read(ParamsBlock(machine, StageHeader(), "", Seed()));
  CHECK(read.params.e820_entries == std::byte{128});
  CHECK(read.Payload(kSetupE820Ext).size() == (203 - 128) * sizeof(E820Entry));
  std::vector<MemEntry> storage(1000);
  MemoryMap map(storage);
  REQUIRE(DecodeE820Zeropage(read.params, map).ok());
  REQUIRE(DecodeE820(read.Payload(kSetupE820Ext), map).ok());
  CHECK(std::equal(map.view().begin(), map.view().end(), machine.map->map().view().begin(),
                   machine.map->map().view().end()));
  CHECK(read.cmdline().empty());
}

TEST_CASE("An EFI machine's runtime services go on", "[tool][params-block]") {
  FakeMachine fake;
  fake.AddEfi();
  At(fake.params, 0x1ec) = std::byte{3};  // secure_boot
  fake.WriteParams();
  Said said;
  const Machine machine = ReadMachine(fake.root(), said.output());
  CHECK(said.text().empty());
  REQUIRE(machine.efi != nullptr);
  CHECK(machine.acpi_rsdp == 0x7f77d014);
  Read read(ParamsBlock(machine, StageHeader(), "quiet", Seed()));
  CHECK(At(read.params, 0x1ec) == std::byte{3});
  const EfiInfo& info = read.params.efi_info;
  CHECK(info.loader_signature.value() == kEfiSignature64);
  CHECK(info.systab.value() == 0x7f001000);
  CHECK(info.memdesc_size.value() == sizeof(EfiMemoryDescriptor));
  CHECK(info.memdesc_version.value() == kEfiDescriptorVersion);
  CHECK(info.memmap_size.value() == 12 * sizeof(EfiMemoryDescriptor));
  const std::uint64_t at = std::uint64_t{info.memmap_hi.value()} << 32 | info.memmap.value();
  CHECK(at % 16 == 0);
  // In the order of their numbers, not of their names: 2 comes before 10.
  for (std::uint64_t i = 0; i < 12; ++i) {
    const auto descriptor = read.View(at + i * sizeof(EfiMemoryDescriptor), sizeof(EfiMemoryDescriptor));
    CHECK(Get64(descriptor, 8) == 0x7d000000 + i * 0x10000);
    CHECK(Get64(descriptor, 16) == 0xfffffffeff000000 + 0x7d000000 + i * 0x10000);
    CHECK(Get64(descriptor, 24) == 0x10);
    CHECK(Get64(descriptor, 32) == 0x800000000000000f);
  }
  const auto efi = read.Payload(kSetupEfi);
  REQUIRE(efi.size() == 0x60);
  CHECK(Get64(efi, 0) == 0x7f002000);
  CHECK(Get64(efi, 16) == 0x7f003000);
  CHECK(Get64(efi, 24) == 0x7f5c2000);
}

TEST_CASE("Without a part of what EFI needs there is no EFI, and it is said", "[tool][machine]") {
  for (const char* missing : {"runtime-map", "fw_vendor", "config_table"}) {
    CAPTURE(missing);
    FakeMachine fake;
    fake.AddEfi();
    fake.Remove(std::string("sys/firmware/efi/") + missing);
    Said said;
    const Machine machine = ReadMachine(fake.root(), said.output());
    CHECK(machine.efi == nullptr);
    CHECK(machine.acpi_rsdp == 0x7f77d014);
    CHECK(said.text().starts_with("mkhandover: warning: the next kernel will have no EFI runtime services: "));
    Read read(ParamsBlock(machine, StageHeader(), "", Seed()));
    CHECK(read.params.efi_info.loader_signature.value() == 0);
    CHECK(read.Payload(kSetupEfi).empty());
    CHECK(read.params.acpi_rsdp_addr.value() == 0x7f77d014);
  }
}

TEST_CASE("A kernel of 32-bit firmware goes on without it", "[tool][machine]") {
  FakeMachine fake;
  fake.AddEfi();
  fake.params.efi_info.loader_signature.Set(kEfiSignature32);
  fake.WriteParams();
  Said said;
  CHECK(ReadMachine(fake.root(), said.output()).efi == nullptr);
  CHECK_FALSE(said.text().empty());
}

TEST_CASE("A machine that does not say what it has is refused", "[tool][machine]") {
  Said said;
  FakeMachine fake;
  SECTION("no map") { fake.Remove("sys/firmware/memmap"); }
  SECTION("no boot_params") { fake.Remove("sys/kernel/boot_params"); }
  SECTION("half of them") { fake.Write("sys/kernel/boot_params/data", "half"); }
  CHECK_THROWS(ReadMachine(fake.root(), said.output()));
}

TEST_CASE("Runtime descriptors are numbers", "[tool][machine]") {
  FakeMachine fake;
  fake.AddEfi();
  fake.Write("sys/firmware/efi/runtime-map/3/num_pages", "many\n");
  CHECK_THROWS_AS(ReadRuntimeMap(fake.root() / "sys/firmware/efi/runtime-map"), Failure);
}

TEST_CASE("Processor flags are whole words", "[tool][machine]") {
  CHECK(ShowsFlag("processor\t: 0\nflags\t\t: fpu la57 lm\n", "la57"));
  CHECK(ShowsFlag("flags\t\t: fpu la57\n", "la57"));
  CHECK_FALSE(ShowsFlag("flags\t\t: fpu la570 xla57\n", "la57"));
  CHECK_FALSE(ShowsFlag("bugs\t\t: la57 \n", "la57"));
  CHECK_FALSE(ShowsFlag("", "la57"));
}

TEST_CASE("A confidential guest is known by its flags, and not taken for a host", "[tool][machine]") {
  CHECK(ShowsConfidential("flags\t\t: hypervisor tdx_guest\n"));
  CHECK(ShowsConfidential("flags\t\t: hypervisor sev sev_es\n"));
  CHECK_FALSE(ShowsConfidential("flags\t\t: sme sev sev_es sev_snp\n"));
  CHECK_FALSE(ShowsConfidential("flags\t\t: hypervisor fpu\n"));
}

TEST_CASE("A kernel hands over by KHO where it was told to, or shows it", "[tool][machine]") {
  for (const char* line : {"kho=on", "quiet kho=1 -- x", "kho=off kho=y\n", "kho=ON"}) {
    INFO(line);
    CHECK(AsksForKho(line));
  }
  for (const char* line : {"", "quiet", "kho", "kho=", "kho=off", "kho=on kho=0", "kho_scratch=1", "-- kho=on"}) {
    INFO(line);
    CHECK_FALSE(AsksForKho(line));
  }
  FakeMachine fake;
  Said said;
  CHECK_FALSE(ReadMachine(fake.root(), said.output()).hands_over_by_kho);
  fake.Write("sys/kernel/debug/kho/out/scratch_len", "");
  CHECK(ReadMachine(fake.root(), said.output()).hands_over_by_kho);
}

TEST_CASE("The system table is asked for whole names", "[tool][machine]") {
  CHECK(FindInSystab("SMBIOS3=0x1\nSMBIOS=0x2\n", "SMBIOS") == 2u);
  CHECK_FALSE(FindInSystab("SMBIOS3=0x1\n", "SMBIOS"));
  CHECK_FALSE(FindInSystab("SMBIOS=what\n", "SMBIOS"));
}

TEST_CASE("A command line is used again without what was the last boot's", "[tool][reused-cmdline]") {
  const auto reused = [](std::string_view line) { return ReuseCommandLine(line, /*keeps_handovers=*/false); };
  CHECK(reused("BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet\n") == "root=/dev/sda1 ro quiet");
  CHECK(reused("root=/dev/sda1 BOOT_IMAGE=/vmlinuz") == "root=/dev/sda1");
  CHECK(reused("a=1 kexec_jump_back_entry=0x1000 holdfast=0x1,2,ab b") == "a=1 b");
  CHECK(reused("a=1 kexec-jump-back-entry=0x1000 b") == "a=1 b");
  CHECK(reused("my.holdfast=1 holdfastness=2") == "my.holdfast=1 holdfastness=2");
  CHECK(reused("x=\"a  BOOT_IMAGE=b\" BOOT_IMAGE=\"c d\" y") == "x=\"a  BOOT_IMAGE=b\" y");
  CHECK(reused("a BOOT_IMAGE=b -- BOOT_IMAGE=c d") == "a -- BOOT_IMAGE=c d");
  CHECK(reused("a -- b") == "a -- b");
  CHECK(reused("BOOT_IMAGE=b").empty());
  CHECK(reused("").empty());
  CHECK(ReuseCommandLine("a holdfast=1,2,3 BOOT_IMAGE=b", /*keeps_handovers=*/true) == "a holdfast=1,2,3");
}

}  // namespace
}  // namespace holdfast::tool
