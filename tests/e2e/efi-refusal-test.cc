// SPDX-License-Identifier: BSD-2-Clause
// What the application must not start it does not start: one line, then the boot manager goes on, as if nothing had
// been.

#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include "tests/e2e/efi-scenario.h"
#include "tests/e2e/initramfs.h"

namespace holdfast::e2e {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
constexpr Extent kIntact{0x10000000, 2 * kMib};
constexpr Extent kOther{0x18000000, 0x1000};
// Where OVMF unpacks itself, and which it then calls free.
constexpr Extent kScratch{0x1500000, 0x1000};

// A handover of two ranges that says of both that they hold zeros: true of the one that nobody has written.
void PutDigests(BootVolume& volume, const std::string& on_loss) {
  PutHandover(volume, Preserve(kIntact.start, kIntact.size, "intact") +
                          Preserve(kScratch.start, kScratch.size, "scratch") + " --on-loss " + on_loss);
  const std::filesystem::path file = volume.folder() / "handover.dtb";
  for (const auto& [name, extent] : {std::pair{"intact", kIntact}, {"scratch", kScratch}}) {
    RunHere("fdtput -t bx " + Quoted(file) + " /preserved/" + name + " sha256 $(head -c " +
            std::to_string(extent.size) + " /dev/zero | sha256sum | cut -c1-64 | sed 's/../& /g')");
  }
}

// Bytes by the names that firmware's types have, of the map that the kernel's stub got last.
std::uint64_t BytesOfFirmware(Guest& guest, const std::string& type) {
  std::istringstream lines(guest.Run("dmesg | grep 'efi: mem[0-9]*: \\[" + type + " '").output);
  std::uint64_t bytes = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t from = line.find("range=[0x") + 7;
    const std::size_t to = line.find("-0x", from) + 1;
    bytes += std::stoull(line.substr(to), nullptr, 16) + 1 - std::stoull(line.substr(from), nullptr, 16);
  }
  return bytes;
}

}  // namespace

TEST_CASE("EFI refused: each returns to the boot manager, with nothing allocated", "[e2e][efi][refusal][ovmf]") {
  BootVolume no_kernel, truncated, in_firmware, twice, no_memory, no_stub, no_bzimage, lost, good;
  for (BootVolume* volume : {&no_kernel, &truncated, &in_firmware, &twice, &no_memory, &no_stub, &no_bzimage, &lost}) {
    volume->Put(kRemovablePath, EfiApplication()).Put(kEspKernel, KernelImage("6.1"));
  }
  no_kernel.Remove(kEspKernel);

  PutHandover(truncated, Preserve(kOther.start, kOther.size, "kept"));
  std::filesystem::resize_file(truncated.folder() / "handover.dtb", 100);

  PutHandover(in_firmware, Preserve(0x900000, 0x1000, "kept"));

  PutHandover(twice, Preserve(kOther.start, kOther.size, "kept"));
  RunHere("fdtput -t x " + Quoted(twice.folder() / "handover.dtb") +
          " /preserved/kept ranges 0 18000000 0 1000 0 18000000 0 1000");

  // This one is refused with its fence up.  OVMF writes over every page that it is given back, and what is in them is
  // verified later.
  PutHandover(no_memory, Preserve(kFirmwareFloor, kFirmwareLimit - kFirmwareFloor, "all"));

  std::string without_stub = ReadFile(KernelImage("6.1"));
  without_stub.replace(0, 2, "ZM");
  no_stub.Write(kEspKernel, without_stub).Write(kEspCommandLine, "holdfast.entry=efi-image");
  no_bzimage.Write(kEspKernel, "no kernel\n");
  PutDigests(lost, "refuse");

  Install(good, {.kernel = "6.1", .append = "efi=debug"});
  PutDigests(good, "drop");
  const std::vector<BootVolume*> refused = {&no_kernel, &truncated, &in_firmware, &twice,
                                            &no_memory, &no_stub,   &no_bzimage,  &lost};
  std::vector<const BootVolume*> volumes(refused.begin(), refused.end());
  volumes.push_back(&good);
  Guest guest(BootedFrom(volumes));
  ExpectReturn(guest, "not-found: kernel in the image or in \\EFI\\holdfast is not there");
  ExpectReturn(guest, "truncated: handover [");
  ExpectReturn(guest, "overlap: boot services data [0x900000, 0x1500000) meets kept kept [0x900000, 0x901000)");
  ExpectReturn(guest, "kept-overlap: kept kept [0x18000000, 0x18001000) meets kept kept [0x18000000, 0x18001000)");
  ExpectReturn(guest, "no-slot: no place for kernel, ");
  ExpectReturn(guest, "unsupported: kernel without an EFI stub: not supported");
  ExpectReturn(guest, "truncated: kernel: cut off at byte 10");
  ExpectReturn(guest, "contents-lost: kept scratch [0x1500000, 0x1501000) is not what its digest says");

  guest.ExpectDebugLine("holdfast: lost scratch [0x1500000, 0x1501000), 4 KiB: not what its digest says");
  guest.Expect("init: up ");
  CHECK(ReservedInFreeMemory(guest) == std::vector<Extent>{kIntact});
  const auto taken = [&] {
    std::vector<std::uint64_t> bytes;
    for (const char* type : {"Reserved", "Loader Data", "Loader Code"}) bytes.push_back(BytesOfFirmware(guest, type));
    return bytes;
  };
  const std::vector<std::uint64_t> after_refusals = taken();
  CHECK(after_refusals.front() > 0);

  // The same machine without them.
  for (BootVolume* volume : refused) volume->Remove(kRemovablePath).Make();
  guest.SystemReset();
  guest.Expect("init: up ");
  CHECK(taken() == after_refusals);
}

}  // namespace holdfast::e2e
