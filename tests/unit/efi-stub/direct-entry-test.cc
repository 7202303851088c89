// SPDX-License-Identifier: BSD-2-Clause
// Tests of the direct entry, up to the kernel's first instruction.

#include "efi-stub/direct-entry.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <optional>

#include "common/abi/screen-info.h"
#include "common/base/byte-reader.h"
#include "common/format/e820.h"
#include "tests/support/entered-kernel.h"
#include "tests/support/fake-firmware.h"
#include "tests/support/fake-processor.h"
#include "tests/support/kernel-files.h"
#include "tests/support/plan-fixtures.h"
#include "tests/support/ranges.h"

namespace holdfast::efi {
namespace {

using test::FakeFirmware;

constexpr std::uint64_t kProtectedOffset = 1024;
constexpr std::string_view kLine = "console=ttyS0";

// The test's own memory, where it lies.
const std::byte* ReadAny(const void*, PhysRange range) {
  return reinterpret_cast<const std::byte*>(range.start().raw());
}

PhysRange RangeOf(std::span<const std::byte> bytes) {
  return PhysRange::FromStartSize(PhysAddr(reinterpret_cast<std::uintptr_t>(bytes.data())), bytes.size()).value();
}

// A kernel, a plan for it, and firmware to leave.
struct Case {
  Case() : map(4096), avoid(16), plan(map, avoid), kernel_file(test::Filled(kProtectedOffset + 0x3000, 0x5a)) {
    report.shell = "efi";
    plan.entry = KernelEntry::kBzImage;
    plan.slot = {.range = fake.memory.Part(16 * kMiB, 8 * kMiB)};
    const PhysRange all = fake.memory.range();
    REQUIRE(plan.memory.AppendAscending(all.UpTo(fenced.start()), MemType::kUsable).ok());
    REQUIRE(plan.memory.AppendAscending(fenced, MemType::kReserved).ok());
    REQUIRE(plan.memory.AppendAscending(all.From(fenced.end()), MemType::kUsable).ok());
    fake.memory.Set(fenced, EfiReservedMemoryType);
    fake.memory.Set(fake.memory.Part(60 * kMiB, kMiB), EfiBootServicesData);

    kernel.file = kernel_file;
    kernel.has_bzimage = true;
    kernel.image.protected_offset = kProtectedOffset;
    kernel.image.protected_size = 0x3000;
    kernel.image.header.header_length = std::byte{0x6a};
    kernel.image.header.header.Set(kSetupHeaderMagic);
    kernel.image.header.version.Set(0x020f);
    kernel.image.header.loadflags = kLoadedHigh;
  }

  DirectStart Start() const {
    return {.plan = plan,
            .kept = const_cast<test::TestKept&>(kept).map(),
            .kernel = kernel,
            .kaslr = true,
            .initrd = initrd,
            .command_line = kLine,
            .nodes = nodes.view(),
            .report = report,
            .policy = policy};
  }

  // Where the kernel was entered, or nothing where it was refused.
  std::optional<x86::StartState> Run() {
    try {
      status = StartDirectly(firmware, ledger, *storage, Start(), problem);
    } catch (const test::EnteredKernel& entered) {
      return entered.state;
    }
    return std::nullopt;
  }

  // It refused with that, and gave back all that it took.
  void CheckRefusal(Errc code, std::uint64_t where, std::string_view what) {
    const auto before = fake.Taken();
    REQUIRE_FALSE(Run());
    CHECK(ErrorOf(status) == Error{code, where});
    CHECK(problem.code == code);
    CHECK(problem.where == where);
    CHECK(problem.what == what);
    CHECK_FALSE(fake.left_boot_services);
    ledger.FreeAll();
    CHECK(fake.Taken() == before);
  }

  FakeFirmware fake;
  Firmware firmware{fake.image(), fake.table()};
  Ledger ledger{firmware};
  std::unique_ptr<Storage> storage = std::make_unique<Storage>();
  PhysRange fenced = fake.memory.Part(4 * kMiB, kMiB);
  std::vector<MemEntry> map;
  std::vector<PhysRange> avoid;
  BootPlan plan;
  test::TestKept kept{{{.range = fenced}}};
  test::ByteVector kernel_file;
  InnerKernel kernel;
  test::ByteVector initrd = test::Filled(100, 0x77);
  SetupDataNodes nodes;
  BootReport report;
  Policy policy;
  Status status = kDone;
  Problem problem;
};

const BootParams& ParamsAt(const x86::StartState& state) {
  return *reinterpret_cast<const BootParams*>(state.boot_params);
}

ScreenInfo ScreenOf(const x86::StartState& state) {
  return ByteReader(std::as_bytes(std::span(&ParamsAt(state), 1))).Read<ScreenInfo>().value();
}

std::uint64_t Join(Le32 low, Le32 high) { return std::uint64_t{high.value()} << 32 | low.value(); }

TEST_CASE("A bzImage is entered in its slot, with boot_params that firmware's stub would have made", "[efi][direct]") {
  Case c;
  c.fake.config_tables = {{ACPI_TABLE_GUID, reinterpret_cast<void*>(0x1000)},
                          {ACPI_20_TABLE_GUID, reinterpret_cast<void*>(0x2000)}};
  c.fake.table()->ConfigurationTable = c.fake.config_tables.data();
  c.fake.table()->NumberOfTableEntries = c.fake.config_tables.size();

  const auto state = c.Run();
  REQUIRE(state);
  CHECK(c.fake.left_boot_services);
  CHECK(state->entry == c.plan.slot.range.start().raw() + 0x200);
  CHECK(state->boot_params < 4 * kGiB);
  const auto slot = c.fake.memory.Bytes(c.plan.slot.range);
  CHECK(std::ranges::equal(slot.first(0x3000), std::span(c.kernel_file).subspan(kProtectedOffset)));

  const BootParams& params = ParamsAt(*state);
  CHECK(params.hdr.header.value() == kSetupHeaderMagic);
  CHECK(params.hdr.type_of_loader == std::byte{0xff});
  CHECK(params.hdr.loadflags == kLoadedHigh);
  CHECK(params.secure_boot == std::byte{2});
  CHECK(params.sentinel == std::byte{0});
  CHECK(params.acpi_rsdp_addr.value() == 0x2000);
  CHECK(reinterpret_cast<const char*>(Join(params.hdr.cmd_line_ptr, params.ext_cmd_line_ptr)) == kLine);
  CHECK(Join(params.hdr.ramdisk_image, params.ext_ramdisk_image) == RangeOf(c.initrd).start().raw());
  CHECK(Join(params.hdr.ramdisk_size, params.ext_ramdisk_size) == 100);
  CHECK(params.e820_entries == std::byte{3});
  CHECK(params.efi_info.loader_signature.value() == kEfiSignature64);
  CHECK(Join(params.efi_info.systab, params.efi_info.systab_hi) == reinterpret_cast<std::uintptr_t>(c.fake.table()));
  CHECK(Join(params.efi_info.memmap, params.efi_info.memmap_hi) ==
        reinterpret_cast<std::uintptr_t>(c.storage->firmware_map.data()));
  CHECK(params.efi_info.memdesc_size.value() == 48);
  CHECK(params.efi_info.memmap_size.value() % 48 == 0);
  // The one that firmware had when boot services ended: the kernel is in it.
  std::vector<FirmwareRange> storage(64);
  BoundedVector<FirmwareRange> owned{std::span(storage)};
  REQUIRE(
      CollectFirmwareRanges(std::span(c.storage->firmware_map).first(params.efi_info.memmap_size.value()), 48, owned)
          .ok());
  CHECK(std::ranges::any_of(owned, [&](const FirmwareRange& range) {
    return range.range == c.plan.slot.range && range.type == EfiMemoryType::kLoaderCode;
  }));
}

TEST_CASE("A vmlinux is entered where it says, and told that it was moved", "[efi][direct]") {
  Case c;
  const test::ByteVector file = test::SmallVmlinux().Build();
  REQUIRE(DecodeVmlinux(file, test::kTestLoadAddress, c.kernel.vmlinux).ok());
  c.plan.entry = KernelEntry::kVmlinux;
  c.plan.virtual_delta = 2 * kMiB;
  const auto state = c.Run();
  REQUIRE(state);
  CHECK(state->entry == c.plan.slot.range.start().raw() + 0x20);
  CHECK(ParamsAt(*state).hdr.loadflags == (kLoadedHigh | kKaslrFlag));
  test::ByteVector expected = test::Filled(8 * kMiB, 0);
  LoadVmlinux(c.kernel.vmlinux, c.plan.virtual_delta, std::span(expected).first(c.kernel.vmlinux.image_size));
  CHECK(std::ranges::equal(c.fake.memory.Bytes(c.plan.slot.range), expected));
}

TEST_CASE("The kernel finds held ranges, the report, a seed and what is passed on", "[efi][direct]") {
  Case c;
  REQUIRE(c.plan.held.Append(c.fake.memory.Part(2 * kMiB, kMiB)).ok());
  const test::ByteVector record = test::Filled(32, 0x33);
  REQUIRE(c.nodes.Append({PhysRange(), RangeOf(record), kSetupKexecKho, PhysRange()}).ok());
  const auto state = c.Run();
  REQUIRE(state);
  SetupDataNodes found;
  const PhysMemory memory(&ReadAny, nullptr);
  REQUIRE(ReadSetupDataChain(memory, PhysAddr(ParamsAt(*state).hdr.setup_data.value()), found).ok());
  REQUIRE(found.size() == 4);
  CHECK(found[0].type == kSetupRngSeed);
  CHECK(found[0].payload.size() == 32);
  CHECK(found[1].type == kSetupIndirect);
  CHECK(found[1].indirect == c.plan.held[0]);
  CHECK(found[2].type == kSetupHoldfastReport);
  CHECK(FdtView::Open(memory.View(found[2].payload).value()).ok());
  CHECK(found[3].type == kSetupKexecKho);
  CHECK(std::ranges::equal(memory.View(found[3].payload).value(), record));
  for (const SetupDataNode& node : found) {
    CHECK(c.fake.memory.range().Contains(node.node));
  }
}

TEST_CASE("A map of many entries has a node for the rest", "[efi][direct]") {
  Case c;
  c.plan.memory.Clear();
  for (std::uint64_t i = 0; i < 200; ++i) {
    REQUIRE(c.plan.memory.AppendAscending(c.fake.memory.Part(i * 0x2000, 0x1000), MemType::kUsable).ok());
  }
  c.fake.memory.Set(c.fenced, EfiConventionalMemory);
  const auto state = c.Run();
  REQUIRE(state);
  CHECK(ParamsAt(*state).e820_entries == std::byte{128});
  SetupDataNodes found;
  REQUIRE(
      ReadSetupDataChain(PhysMemory(&ReadAny, nullptr), PhysAddr(ParamsAt(*state).hdr.setup_data.value()), found).ok());
  CHECK(found[0].type == kSetupE820Ext);
  CHECK(found[0].payload.size() == 72 * sizeof(E820Entry));
}

TEST_CASE("The kernel gets firmware's screen", "[efi][direct]") {
  Case c;
  EFI_GRAPHICS_OUTPUT_MODE_INFORMATION info{};
  info.HorizontalResolution = 800;
  info.VerticalResolution = 600;
  info.PixelFormat = PixelBlueGreenRedReserved8BitPerColor;
  info.PixelsPerScanLine = 832;
  EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE mode{};
  mode.Info = &info;
  mode.FrameBufferBase = 0x1'8000'0000;
  EFI_GRAPHICS_OUTPUT_PROTOCOL graphics{};
  graphics.Mode = &mode;
  c.fake.protocols.push_back({nullptr, EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID, &graphics});

  SECTION("as a frame buffer") {
    const auto state = c.Run();
    REQUIRE(state);
    const ScreenInfo screen = ScreenOf(*state);
    CHECK(screen.type == std::byte{0x70});
    CHECK(screen.width.value() == 800);
    CHECK(screen.height.value() == 600);
    CHECK(screen.depth.value() == 32);
    CHECK(screen.line_length.value() == 832 * 4);
    CHECK(screen.size.value() == 832 * 4 * 600);
    CHECK(Join(screen.base, screen.ext_base) == 0x1'8000'0000);
    CHECK(screen.capabilities.value() == 3);
    CHECK(screen.red.position == std::byte{16});
    CHECK(screen.green.position == std::byte{8});
    CHECK(screen.blue.position == std::byte{0});
    CHECK(screen.reserved.position == std::byte{24});
    CHECK(screen.red.size == std::byte{8});
  }
  SECTION("with the bits that it says") {
    info.PixelFormat = PixelBitMask;
    info.PixelInformation = {0xf800, 0x7e0, 0x1f, 0};
    mode.FrameBufferBase = 0x8000'0000;
    const auto state = c.Run();
    REQUIRE(state);
    const ScreenInfo screen = ScreenOf(*state);
    CHECK(screen.depth.value() == 16);
    CHECK(screen.line_length.value() == 832 * 2);
    CHECK(screen.capabilities.value() == 1);
    CHECK(screen.green.size == std::byte{6});
    CHECK(screen.green.position == std::byte{5});
    CHECK(screen.reserved.size == std::byte{0});
  }
  SECTION("but none that nobody can write to") {
    info.PixelFormat = PixelBltOnly;
    const auto state = c.Run();
    REQUIRE(state);
    CHECK(ParamsAt(*state).screen_is_vga == std::byte{0});
  }
}

TEST_CASE("A map that changes while boot services end is read once more", "[efi][direct]") {
  Case c;
  SECTION("until they do") {
    c.fake.num_stale_keys = 2;
    CHECK(c.Run());
    CHECK(c.fake.calls["ExitBootServices"] == 3);
  }
}

// What firmware may not answer any more is not asked, and nobody is returned to.
TEST_CASE("Boot services that do not end are the end", "[efi][direct]") {
  Case c;
  c.policy.refusal_delay_seconds = 7;
  const auto stopped = [&c] {
    const auto printed = c.fake.printed;
    std::optional<test::StoppedMachine> stop;
    try {
      static_cast<void>(c.Run());
    } catch (const test::StoppedMachine& machine) {
      stop = machine;
    }
    REQUIRE(stop);
    CHECK(c.fake.printed == printed);
    CHECK(c.fake.calls["FreePages"] == 0);
    return *stop;
  };
  SECTION("by a reset") {
    c.fake.num_stale_keys = 100;
    CHECK(stopped().reset_after == 7);
    CHECK(c.fake.calls["ExitBootServices"] == 4);
    CHECK(c.problem.what == "boot services");
  }
  SECTION("by halting, and what is said goes to the debug port") {
    test::DebugPort& port = test::FakeDebugPort();
    port = {.is_there = true, .text = {}};
    c.policy.on_refusal = OnRefusal::kHalt;
    c.fake.failing["ExitBootServices"] = EFI_DEVICE_ERROR;
    CHECK_FALSE(stopped().reset_after);
    CHECK(port.text.find("holdfast: refused: firmware: ") == 0);
    CHECK(port.text.find("holdfast: halted") != std::string::npos);
    port = {};
  }
}

TEST_CASE("A kernel that cannot be started is refused, and nothing stays allocated", "[efi][direct]") {
  Case c;
  SECTION("its slot is not free") {
    c.fake.memory.Set(c.fake.memory.Part(20 * kMiB, kPageSize), EfiBootServicesData);
    c.CheckRefusal(Errc::kFirmware, EFI_NOT_FOUND, "kernel");
    CHECK(c.problem.range == c.plan.slot.range);
  }
  SECTION("its slot is kept memory") {
    c.plan.slot.range = c.fake.memory.Part(4 * kMiB, 8 * kMiB);
    c.CheckRefusal(Errc::kOverlap, c.fenced.start().raw(), "kernel");
  }
  SECTION("firmware has taken for good what the plan hands on as RAM") {
    const PhysRange taken = c.fake.memory.Part(40 * kMiB, 2 * kPageSize);
    c.fake.memory.Set(taken, EfiRuntimeServicesData);
    c.CheckRefusal(Errc::kConflict, taken.start().raw(), "runtime services data");
    CHECK(c.problem.range == taken);
    CHECK(c.fake.calls["ExitBootServices"] == 0);
  }
  SECTION("there is no memory for boot_params") {
    for (const PhysRange rest :
         {c.fake.memory.range().UpTo(c.plan.slot.range.start()), c.fake.memory.range().From(c.plan.slot.range.end())}) {
      c.fake.memory.Set(rest, EfiBootServicesData);
    }
    c.CheckRefusal(Errc::kFirmware, EFI_OUT_OF_RESOURCES, "boot_params");
  }
}

}  // namespace
}  // namespace holdfast::efi
