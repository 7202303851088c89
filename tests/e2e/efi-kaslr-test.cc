// SPDX-License-Identifier: BSD-2-Clause
// Firmware starts the stage: every kernel comes up by every entry, beside exactly the kept pages and never on them.

#include <catch2/catch.hpp>

#include "tests/e2e/efi-scenario.h"

namespace holdfast::e2e {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

// One window in which a kernel fits.  The rest of free memory is kept, but for stretches that are too short for any
// kernel: firmware, the application and the kernel's stub need some, and take it from the top.
constexpr Extent kWindow{0x6000000, 64 * kMib};

std::vector<Extent> KeptFor(const std::string& entry) {
  std::vector<Extent> kept = {{kFirmwareFloor, kWindow.start - kFirmwareFloor},
                              {kWindow.end(), 0x30000000 - kWindow.end()},
                              {0x32800000, kMib},
                              {0x35000000, kMib}};
  // What the application unpacks a vmlinux to fills one stretch.
  if (entry != "vmlinux") kept.push_back({0x37000000, kMib});
  kept.push_back({0x39000000, kMib});
  return kept;
}

void StandsInWindow(const std::string& kernel, const std::string& entry, int boots) {
  BootVolume volume;
  Install(volume, {.kernel = kernel, .append = "holdfast.entry=" + entry});
  const std::vector<Extent> kept = KeptFor(entry);
  std::string options;
  for (const Extent& extent : kept)
    options += Preserve(extent.start, extent.size, "kept" + std::to_string(extent.start));
  PutHandover(volume, options);
  Guest guest(BootedFrom({&volume}));
  for (int boot = 0; boot < boots; ++boot) {
    INFO("boot " << boot);
    if (boot != 0) guest.SystemReset();
    const ApplicationLines lines = ExpectApplication(guest);
    CHECK_THAT(lines.handover, Catch::StartsWith("holdfast: handover holdfast,handover-v1, " +
                                                 std::to_string(kept.size()) + " ranges, "));
    CHECK_THAT(lines.mode, Catch::StartsWith("holdfast: mode fence, map "));
    const Extent stood = KernelExtent(guest);
    CHECK(stood.start >= kWindow.start);
    CHECK(stood.end() <= kWindow.end());
    CHECK(ReservedInFreeMemory(guest) == kept);
    const StageReport report = ReadReport(guest);
    CHECK(report.shell == "efi");
    CHECK(report.entry == entry);
  }
}

}  // namespace

TEST_CASE("EFI: 6.12, started as an image, stands in the one window that is left", "[e2e][efi][kaslr][ovmf]") {
  StandsInWindow("6.12", "efi-image", 2);
}
TEST_CASE("EFI: 6.1, by its EFI handover entry, stands in the one window that is left", "[e2e][efi][kaslr][ovmf]") {
  StandsInWindow("6.1", "efi-handover", 2);
}
TEST_CASE("EFI: the newest kernel, as a vmlinux, stands in the one window that is left", "[e2e][efi][kaslr][ovmf]") {
  StandsInWindow("new", "vmlinux", 2);
}

TEST_CASE("EFI: ten boots as an image all stand in the window", "[e2e][efi][kaslr-ten][exhaustive]") {
  StandsInWindow("6.12", "efi-image", 10);
}
TEST_CASE("EFI: ten boots by the EFI handover entry all stand in the window", "[e2e][efi][kaslr-ten][exhaustive]") {
  StandsInWindow("6.1", "efi-handover", 10);
}
TEST_CASE("EFI: ten boots as a vmlinux all stand in the window", "[e2e][efi][kaslr-ten][exhaustive]") {
  StandsInWindow("new", "vmlinux", 10);
}

}  // namespace holdfast::e2e
