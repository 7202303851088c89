// SPDX-License-Identifier: BSD-2-Clause
// The steps of scenarios in which firmware starts the stage.

#include "tests/e2e/efi-scenario.h"

#include <algorithm>

#include "tests/e2e/qemu-command.h"

namespace holdfast::e2e {

void Install(BootVolume& volume, const Installation& installation) {
  const std::filesystem::path initrd = volume.folder() / "initrd";
  WriteInitramfs({.kexec_tools = installation.kexec_tools, .files = installation.files}, initrd);
  volume.Put(installation.application, EfiApplication())
      .Put(kEspKernel, KernelImage(installation.kernel))
      .Put(kEspInitrd, initrd);
  SetCommandLine(volume, installation.append);
}

void SetCommandLine(BootVolume& volume, const std::string& append) {
  volume.Write(kEspCommandLine, CommandLine({.append = append}) + "\n");
}

void PutHandover(BootVolume& volume, const std::string& options) {
  const std::filesystem::path file = volume.folder() / "handover.dtb";
  RunHere(Quoted(BuildDir() / "mkhandover") + " make -q --ram-from none -o " + Quoted(file) + " " + options + " >&2");
  volume.Put(kEspHandover, file);
}

GuestOptions BootedFrom(const std::vector<const BootVolume*>& volumes) {
  GuestOptions options{.firmware = Firmware::kOvmf, .memory = "1G", .kernel = ""};
  for (const BootVolume* volume : volumes) options.disks.push_back(volume->Make());
  return options;
}

ApplicationLines ExpectApplication(Guest& guest) {
  ApplicationLines lines;
  guest.ExpectDebugLine("holdfast: 0.1.0 efi on EDK II");
  lines.handover = guest.ExpectDebugLine("holdfast: handover ");
  if (lines.handover.starts_with("holdfast: handover holdfast,")) {
    lines.contents = guest.ExpectDebugLine("holdfast: contents ");
  }
  lines.mode = guest.ExpectDebugLine("holdfast: mode ");
  lines.kernel = guest.ExpectDebugLine("holdfast: kernel ");
  guest.Expect("init: up ");
  return lines;
}

void ExpectReturn(Guest& guest, const std::string& refusal) {
  guest.ExpectDebugLine("holdfast: 0.1.0 efi on EDK II");
  const std::string expected = "holdfast: refused: " + refusal;
  if (const std::string line = guest.ExpectDebugLine("holdfast: refused: "); !line.starts_with(expected)) {
    throw GuestFailure("not \"" + expected + "\": " + line);
  }
  guest.ExpectDebugLine("holdfast: back to the boot manager");
}

std::vector<Extent> ReservedInFreeMemory(Guest& guest) {
  std::vector<Extent> reserved;
  for (const MapEntry& entry : MapOfResources(guest)) {
    const std::uint64_t start = std::max(entry.start, kFirmwareFloor);
    const std::uint64_t end = std::min(entry.end, kFirmwareLimit);
    if (entry.type != kRam && start < end) reserved.push_back({start, end - start});
  }
  return Joined(reserved);
}

void Reboot(Guest& guest) {
  guest.Leave("reboot -f");
  guest.WaitForReset();
}

}  // namespace holdfast::e2e
