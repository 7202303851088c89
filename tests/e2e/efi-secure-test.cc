// SPDX-License-Identifier: BSD-2-Clause
// With Secure Boot nothing runs that the platform does not trust, and nothing from outside decides; and what is booted
// is measured.

#include <catch2/catch.hpp>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/e2e/efi-scenario.h"
#include "tests/e2e/initramfs.h"
#include "tests/e2e/qemu-command.h"

namespace holdfast::e2e {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
constexpr Extent kKept{0x10000000, 2 * kMib};
constexpr Extent kKeptOutside{0x12000000, kMib};

// A bundle for firmware, unsigned.
struct Bundling {
  std::filesystem::path kernel;
  std::filesystem::path initrd = {};
  std::string command_line = {};
  std::filesystem::path handover = {};
};
std::filesystem::path MakeEfiBundle(const std::filesystem::path& out, const Bundling& parts) {
  RunHere(Quoted(BuildDir() / "mkhandover") + " bundle --efi -q -o " + Quoted(out) + " --stub " +
          Quoted(EfiApplication()) + " --kernel " + Quoted(parts.kernel) +
          (parts.initrd.empty() ? "" : " --initrd " + Quoted(parts.initrd)) + " --cmdline '" + parts.command_line +
          "'" + (parts.handover.empty() ? "" : " --handover " + Quoted(parts.handover)));
  return out;
}

}  // namespace

TEST_CASE("EFI: with Secure Boot only what the platform trusts boots, and it is measured",
          "[e2e][efi][signature][tpm][ovmf]") {
  BootVolume not_signed, altered, foreign, section, file, bundle, direct, good;
  const std::filesystem::path& shared = good.folder();
  const std::filesystem::path untrusted = KernelImage("6.12");  // Debian's key is not this platform's
  const std::filesystem::path trusted = shared / "linux";
  std::filesystem::copy_file(untrusted, trusted);
  Sign(trusted);
  const std::filesystem::path application = shared / "application";
  std::filesystem::copy_file(EfiApplication(), application);
  Sign(application);

  const auto bundled = [&](BootVolume& volume, const Bundling& parts) {
    const std::filesystem::path image = MakeEfiBundle(volume.folder() / "image", parts);
    volume.Put(kRemovablePath, image);
    return image;
  };
  bundled(not_signed, {.kernel = trusted});

  const std::filesystem::path changed = bundled(altered, {.kernel = trusted, .command_line = "one two"});
  Sign(changed);
  std::string bytes = ReadFile(changed);
  const std::size_t options_at = bytes.find("one two");
  REQUIRE(options_at != std::string::npos);
  bytes[options_at] = 'O';
  std::ofstream(changed, std::ios::binary) << bytes;

  SignAsStranger(bundled(foreign, {.kernel = trusted}));
  Sign(bundled(section, {.kernel = untrusted}));
  file.Put(kRemovablePath, application).Put(kEspKernel, untrusted);
  bundle.Put(kRemovablePath, application).Put(kEspBundle, bundle.folder() / "bundle");
  RunHere(Quoted(BuildDir() / "mkhandover") + " bundle -q -o " + Quoted(bundle.folder() / "bundle") + " --kernel " +
          Quoted(untrusted));
  Sign(bundled(direct, {.kernel = trusted, .command_line = "holdfast.entry=vmlinux"}));

  // Started by a boot manager whose options nobody signed, beside a handover that nobody signed.
  WriteInitramfs({}, shared / "initrd");
  PutHandover(good, Preserve(kKept.start, kKept.size, "kept"));
  const std::filesystem::path inside = shared / "inside.dtb";
  std::filesystem::copy_file(shared / "handover.dtb", inside);
  PutHandover(good, Preserve(kKeptOutside.start, kKeptOutside.size, "outside") + " --on-refusal halt");
  const std::filesystem::path image = MakeEfiBundle(
      shared / "image",
      {.kernel = trusted, .initrd = shared / "initrd", .command_line = CommandLine({}), .handover = inside});
  Sign(image);
  std::filesystem::copy_file("/usr/lib/systemd/boot/efi/systemd-bootx64.efi", shared / "boot");
  Sign(shared / "boot");
  good.Put(kRemovablePath, shared / "boot")
      .Put("/EFI/holdfast/holdfast.efi", image)
      .Write("/loader/entries/holdfast.conf",
             "title holdfast\nefi /EFI/holdfast/holdfast.efi\noptions from.outside=1\n");

  GuestOptions options = BootedFrom({&not_signed, &altered, &foreign, &section, &file, &bundle, &direct, &good});
  options.firmware = Firmware::kOvmfSecure;
  options.tpm = true;
  Guest guest(options);
  for (int refused = 0; refused < 3; ++refused) {
    CHECK_THAT(guest.Expect("BdsDxe: failed to load Boot"), Catch::EndsWith(": Access Denied"));
  }
  for (int not_trusted = 0; not_trusted < 3; ++not_trusted) {
    ExpectReturn(guest, "untrusted: kernel is not trusted under Secure Boot");
  }
  ExpectReturn(guest, "untrusted: vmlinux entry is not trusted under Secure Boot");

  guest.ExpectDebugLine("holdfast: command line from outside is ignored under Secure Boot");
  guest.ExpectDebugLine("holdfast: measured into PCR 15");
  guest.Expect("init: up ");
  CHECK_THAT(guest.Run("dmesg").output, Catch::Contains("Kernel is locked down from EFI Secure Boot"));
  CHECK_THAT(guest.Run("cat /proc/cmdline").output, !Catch::Contains("from.outside"));
  CHECK(ReservedInFreeMemory(guest) == std::vector<Extent>{kKept, kKeptOutside});

  const std::string foretold =
      OutputHere(Quoted(BuildDir() / "mkhandover") + " pcr --json --handover " + Quoted(inside) + " --handover " +
                 Quoted(shared / "handover.dtb") + " --cmdline '" + CommandLine({}) + "'");
  CHECK(guest.Run("tr A-F a-f < /sys/class/tpm/tpm0/pcr-sha256/15").output ==
        nlohmann::json::parse(foretold).at("value").get<std::string>() + "\n");
}

}  // namespace holdfast::e2e
