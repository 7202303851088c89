// SPDX-License-Identifier: BSD-2-Clause
// A kernel that speaks KHO gets its memory back through a reset by firmware.

#include <catch2/catch.hpp>

#include "tests/e2e/efi-scenario.h"
#include "tests/e2e/kho-scenario.h"

namespace holdfast::e2e {

TEST_CASE("EFI: what a KHO kernel left with 6.1 comes back to it through firmware", "[e2e][efi][kho][ovmf]") {
  BootVolume volume;
  // The kernel is to keep nothing where firmware lies, or works while it starts.
  Install(volume, {.kernel = std::string(kKhoKernel),
                   .append = std::string(kKhoOptions) + " holdfast.entry=vmlinux mem=880M memmap=0x1000000$0x800000",
                   .files = {StageFile("6.1", "vmlinux"), {GuestProgram("luo"), "/bin/luo"}},
                   .kexec_tools = "trixie"});
  Guest guest(BootedFrom({&volume}));
  ExpectApplication(guest);
  const KeptPages kept = KeepInSession(guest, "16M");
  LoadWithKernelsLoader(guest, std::string(kStageName), "");
  guest.Leave("kexec-stock -e");
  CHECK_THAT(ExpectStage(guest, "linux").mode, Catch::StartsWith("holdfast: mode fence, map "));
  CHECK(GuestFinds(guest, kept));

  guest.Run("mkhandover variable --set-kho");
  SetCommandLine(volume, std::string(kKhoOptions));
  volume.Make();
  Reboot(guest);
  const ApplicationLines lines = ExpectApplication(guest);
  CHECK_THAT(lines.handover, Catch::StartsWith("holdfast: handover kho-v4, "));
  CHECK_THAT(lines.mode, Catch::StartsWith("holdfast: mode native"));
  CHECK(CountDifferent(guest, kept) == 0);
  CHECK(ReadReport(guest).entry == "efi-handover");
  CHECK(SessionHolds(guest, kept));
}

}  // namespace holdfast::e2e
