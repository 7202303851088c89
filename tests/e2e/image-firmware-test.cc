// SPDX-License-Identifier: BSD-2-Clause
// The image at a cold boot: by GRUB, and by firmware alone.

#include <catch2/catch.hpp>

#include "tests/e2e/image-scenario.h"

namespace holdfast::e2e {
namespace {

void StartsByGrub(Firmware firmware, const std::string& kernel, const std::string& entry) {
  const TempDir folder;
  const std::filesystem::path image = MakeWholeImage(folder.path(), kernel, entry, "from=bundle");
  const std::filesystem::path disc = folder.path() / "disc.iso";
  RunHere("tests/e2e/boot-disc.sh grub " + Quoted(disc) + " " + Quoted(image) + " from=grub");
  Guest guest({.firmware = firmware, .memory = "1G", .kernel = "", .qemu = {"-cdrom", disc.string()}});
  const StageLines lines = ExpectStage(guest, "grub");
  CHECK(lines.handover == "holdfast: handover none, 0 ranges, 0 B kept");
  const std::string command_line = guest.Run("cat /proc/cmdline").output;
  CHECK_THAT(command_line, Catch::Contains("from=bundle") && Catch::Contains("from=grub"));
  if (entry == "vmlinux") CHECK(KernelCode(guest) == lines.kernel_address());
  const StageReport report = ReadReport(guest);
  CHECK(report.loader == "grub");
  CHECK(report.entry == entry);
}

}  // namespace

TEST_CASE("Image: a locked-down kernel takes it with a signature, and not without", "[e2e][image][signature][ovmf]") {
  const TempDir folder;
  const std::filesystem::path image = StageWith("6.12", "vmlinux");
  std::filesystem::copy_file(image, folder.path() / "signed");
  Sign(folder.path() / "signed");
  Guest guest({.firmware = Firmware::kOvmf,
               .variables = "OVMF_VARS_4M.snakeoil.fd",
               .memory = "1G",
               .kernel = "6.12",
               .append = "lockdown=integrity",
               .files = {StageFile(image), {folder.path() / "signed", "/kernels/signed"}}});
  const KeptPages kept = FillBelowSegments(guest);
  const std::string option = MakeHandover(guest, {kept});
  const LoadOptions unsigned_image{
      .kernel = std::string(kStageName), .append = option, .kexec = "kexec-stock", .flags = "-s -l"};
  CHECK(TryLoadKernel(guest, unsigned_image).status != 0);
  guest.Expect("PEFILE: Unsigned PE binary");

  LoadOptions signed_image = unsigned_image;
  signed_image.kernel = "signed";
  LoadKernel(guest, signed_image);
  guest.Leave("kexec-stock -e");
  ExpectStage(guest, "linux");
  // The state of Secure Boot goes along, so this kernel locks itself down too and shows nobody its memory.
  CHECK_THAT(guest.Run("dmesg").output, Catch::Contains("Kernel is locked down from EFI Secure Boot"));
  CHECK(CountDifferent(guest, kept) == 0);
  CHECK(NotOfType(guest.E820(), kReserved, kept.extents).empty());
}

TEST_CASE("Image: GRUB starts it on BIOS", "[e2e][image][grub]") { StartsByGrub(Firmware::kSeaBios, "6.1", "vmlinux"); }

TEST_CASE("Image: GRUB starts it on UEFI", "[e2e][image][grub][ovmf]") {
  StartsByGrub(Firmware::kOvmf, "6.12", "vmlinux");
}

TEST_CASE("Image: GRUB starts it on UEFI, and the kernel unpacks itself", "[e2e][image][grub][ovmf][exhaustive]") {
  StartsByGrub(Firmware::kOvmf, "new", "bzimage");
}

TEST_CASE("Image: firmware that starts it is told who can, and goes on", "[e2e][image][ovmf]") {
  BootVolume volume;
  volume.Put(kRemovablePath, Stage());
  Guest guest({.firmware = Firmware::kOvmf, .memory = "1G", .kernel = "", .disks = {volume.Make()}});
  guest.Expect("holdfast: this image is started by kexec and by GRUB");
  CHECK_THAT(guest.Expect("BdsDxe: "), Catch::Contains("fail") || Catch::Contains("No bootable"));
}

}  // namespace holdfast::e2e
