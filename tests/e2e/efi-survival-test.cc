// SPDX-License-Identifier: BSD-2-Clause
// Memory is kept from kernel to kernel through firmware: over its resets, and over kexecs in between.

#include <catch2/catch.hpp>

#include "tests/e2e/efi-scenario.h"

namespace holdfast::e2e {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
constexpr const char* kLastHandover = "/tmp/last-handover";

void SetVariable(Guest& guest, const std::string& option) { guest.Run("mkhandover variable --set " + option); }

// The handover that this kernel was started with, for the next one: as the report has it.
std::string HandOn(Guest& guest) {
  guest.Run(std::string("mkhandover report -q --handover ") + kLastHandover);
  return WriteHandover(guest, std::string("--from ") + kLastHandover);
}

void KexecThroughImage(Guest& guest, const std::string& option) {
  LoadKernel(guest, {.kernel = std::string(kStageName), .append = option, .kexec = "kexec-stock"});
  guest.Leave("kexec-stock -e");
  ExpectStage(guest, "kexec-tools");
}

}  // namespace

TEST_CASE("EFI: memory is kept over reboots, resets and kexecs, and each of them counts", "[e2e][efi][chain][ovmf]") {
  BootVolume volume;
  Install(volume, {.kernel = "6.1", .files = {StageFile("6.1", "vmlinux")}});
  Guest guest(BootedFrom({&volume}));
  CHECK(ExpectApplication(guest).handover == "holdfast: handover none, 0 ranges, 0 B kept");
  CHECK(ReservedInFreeMemory(guest) == std::vector<Extent>());
  CHECK(ReadReport(guest).generation == 1);

  const KeptPages kept = ScatterPages(guest, 32, kFirmwareLimit, {.floor = kFirmwareFloor});
  SetVariable(guest, MakeHandover(guest, {kept}, "--digest"));
  std::vector<Extent> fenced = kept.extents;
  const std::vector<Extent> tree = ExtentsOf(guest, kHandoverFile);
  fenced.insert(fenced.end(), tree.begin(), tree.end());
  Reboot(guest);

  CHECK_THAT(ExpectApplication(guest).contents, Catch::StartsWith("holdfast: contents 1 verified, "));
  CHECK(Damage(guest, kept) == "");
  CHECK(ReservedInFreeMemory(guest) == Joined(fenced));
  CHECK(ReadReport(guest).generation == 2);
  guest.RunFails("mkhandover variable");

  KexecThroughImage(guest, HandOn(guest));
  CHECK(Damage(guest, kept) == "");
  CHECK(ReadReport(guest).generation == 3);

  SetVariable(guest, HandOn(guest));
  guest.SystemReset();
  CHECK_THAT(ExpectApplication(guest).contents, Catch::StartsWith("holdfast: contents 1 verified, "));
  CHECK(Damage(guest, kept) == "");
  CHECK(ReadReport(guest).generation == 4);

  KexecThroughImage(guest, HandOn(guest));
  CHECK(Damage(guest, kept) == "");
  CHECK(ReadReport(guest).generation == 5);
}

TEST_CASE("EFI: held memory stays RAM with its bytes, by the EFI handover entry and by a bzImage that unpacks itself",
          "[e2e][efi][fence][exhaustive]") {
  BootVolume volume;
  Install(volume, {.kernel = "6.12"});
  Guest guest(BootedFrom({&volume}));
  ExpectApplication(guest);
  const KeptPages kept = ScatterPages(guest, 8, kFirmwareLimit, {.floor = kFirmwareFloor});
  std::string options;
  for (const Extent& extent : Joined(kept.extents)) {
    options += Preserve(extent.start, extent.size, "held" + std::to_string(extent.start) + ",fence=held");
  }
  const auto reset_into = [&](const std::string& entry) {
    INFO(entry);
    guest.SystemReset();
    CHECK_THAT(ExpectApplication(guest).mode, Catch::StartsWith("holdfast: mode fence, map "));
    CHECK(ReadReport(guest).entry == entry);
    CHECK(NotOfType(guest.E820(), kRam, kept.extents) == std::vector<Extent>());
    UseUpMemory(guest);
    CHECK(CountDifferent(guest, kept) == 0);
  };
  SetVariable(guest, MakeHandover(guest, {}, options));
  reset_into("efi-handover");
  SetVariable(guest, HandOn(guest));
  SetCommandLine(volume, "holdfast.entry=bzimage");
  volume.Make();
  reset_into("bzimage");
}

TEST_CASE("EFI: 1,500 scattered ranges are fenced by 256 allocations, the bytes between them closed over",
          "[e2e][efi][scatter][ovmf]") {
  BootVolume volume;
  Install(volume, {.kernel = "6.1"});
  std::string options;
  std::vector<Extent> kept;
  for (std::uint64_t i = 0; i < 1500; ++i) {
    // With gaps of one page to ten.
    kept.push_back({0x8000000 + i * 0x10000, 0x10000 - (i % 10 + 1) * 0x1000});
    options += Preserve(kept.back().start, kept.back().size, "all");
  }
  PutHandover(volume, options);
  Guest guest(BootedFrom({&volume}));
  const ApplicationLines lines = ExpectApplication(guest);
  CHECK_THAT(lines.handover, Catch::StartsWith("holdfast: handover holdfast,handover-v1, 1500 ranges, "));
  const StageReport report = ReadReport(guest);
  CHECK(NotOfType(MapOfResources(guest), kReserved, kept) == std::vector<Extent>());
  const std::vector<Extent> fences = ReservedInFreeMemory(guest);
  CHECK(fences.size() == 256);
  // Between 256 there are 255 gaps: the 149 of ten pages that lie between two ranges, and 106 of nine.
  constexpr std::uint64_t kOpen = (149 * 10 + 106 * 9) * 0x1000;
  std::uint64_t fenced = 0, wanted = 0;
  for (const Extent& fence : fences) fenced += fence.size;
  for (const Extent& extent : kept) wanted += extent.size;
  CHECK(report.wasted_bytes == fenced - wanted);
  CHECK(fenced == kept.back().end() - kept.front().start - kOpen);
}

TEST_CASE("EFI: systemd-boot starts what `mkhandover install` has installed, by its entry",
          "[e2e][efi][systemd-boot][ovmf]") {
  BootVolume volume;
  Install(volume, {.kernel = "6.12"});
  PutHandover(volume, Preserve(0x10000000, 2 * kMib, "kept"));
  const std::filesystem::path tree = volume.folder() / "esp";
  std::filesystem::create_directories(tree);
  RunHere(Quoted(BuildDir() / "mkhandover") + " install -q --esp " + Quoted(tree) + " --stub " +
          Quoted(EfiApplication()) + " --kernel " + Quoted(KernelImage("6.12")) + " --initrd " +
          Quoted(volume.folder() / "initrd") + " --cmdline '" + CommandLine({}) + "' --handover " +
          Quoted(volume.folder() / "handover.dtb") + " --loader-entry");
  BootVolume installed;
  installed.PutAll(tree).Put(kRemovablePath, "/usr/lib/systemd/boot/efi/systemd-bootx64.efi");
  Guest guest(BootedFrom({&installed}));
  ExpectApplication(guest);
  CHECK(ReservedInFreeMemory(guest) == std::vector<Extent>{{0x10000000, 2 * kMib}});
  CHECK(guest.kernel_release().starts_with("6.12."));
}

}  // namespace holdfast::e2e
