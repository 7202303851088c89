// SPDX-License-Identifier: BSD-2-Clause
// Guests that firmware boots from a volume, before our application is in it.

#include <catch2/catch.hpp>

#include "tests/e2e/boot-volume.h"
#include "tests/e2e/guest.h"
#include "tests/e2e/qemu-command.h"

namespace holdfast::e2e {
namespace {

constexpr const char* kVariable = "/sys/firmware/efi/efivars/Harness-8c2a3d50-5b0e-4f64-9d0c-6f1f2b7d4ae1";

}  // namespace

TEST_CASE("Firmware starts a kernel from a volume, has a TPM, and remembers variables over resets",
          "[e2e][harness][efi][ovmf]") {
  BootVolume volume;
  WriteInitramfs({}, volume.folder() / "initrd");
  volume.Put(kRemovablePath, "/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
      .Write("/loader/entries/kernel.conf",
             "title kernel\nlinux /linux\ninitrd /initrd\noptions " + std::string(kConsoleOptions) + "\n")
      .Put("/linux", KernelImage("6.1"))
      .Put("/initrd", volume.folder() / "initrd");
  Guest guest({.firmware = Firmware::kOvmf, .tpm = true, .memory = "1G", .kernel = "", .disks = {volume.Make()}});
  guest.Run(std::string("printf '\\007\\000\\000\\000kept' > ") + kVariable);
  CHECK(guest.Run("cat /sys/class/tpm/tpm0/pcr-sha256/15").output == std::string(64, '0') + "\n");
  guest.Leave("reboot -f");
  guest.WaitForReset();
  CHECK(guest.Run(std::string("tail -c 4 ") + kVariable).output == "kept");
  guest.SystemReset();
  CHECK(guest.Run(std::string("tail -c 4 ") + kVariable).output == "kept");
}

TEST_CASE("With Secure Boot firmware starts what is signed with its key", "[e2e][harness][efi][ovmf]") {
  BootVolume volume;
  WriteInitramfs({}, volume.folder() / "initrd");
  for (const auto& [name, source] :
       {std::pair<const char*, std::filesystem::path>{"boot", "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"},
        {"linux", KernelImage("6.1")}}) {
    std::filesystem::copy_file(source, volume.folder() / name);
    Sign(volume.folder() / name);
  }
  volume.Put(kRemovablePath, volume.folder() / "boot")
      .Write("/loader/entries/kernel.conf",
             "title kernel\nlinux /linux\ninitrd /initrd\noptions " + std::string(kConsoleOptions) + "\n")
      .Put("/linux", volume.folder() / "linux")
      .Put("/initrd", volume.folder() / "initrd");
  Guest guest({.firmware = Firmware::kOvmfSecure, .memory = "1G", .kernel = "", .disks = {volume.Make()}});
  CHECK_THAT(guest.Run("dmesg").output, Catch::Contains("Kernel is locked down from EFI Secure Boot"));
}

}  // namespace holdfast::e2e
