// SPDX-License-Identifier: BSD-2-Clause
// The steps of scenarios in which firmware starts the stage.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/e2e/boot-volume.h"
#include "tests/e2e/image-scenario.h"

namespace holdfast::e2e {

// Memory of a guest of 1 GiB under OVMF that firmware leaves alone while it starts, and has free when it is up.
inline constexpr std::uint64_t kFirmwareFloor = 0x2000000;
inline constexpr std::uint64_t kFirmwareLimit = 0x3a000000;

// What is installed on a volume: the application where firmware finds it, a kernel and a root file system like every
// guest's.
struct Installation {
  std::string kernel = "6.1";
  std::string append = {};            // to kConsoleOptions
  std::vector<GuestFile> files = {};  // in the root file system
  std::string application = kRemovablePath;
  std::string kexec_tools = "bookworm";
};
void Install(BootVolume& volume, const Installation& installation);
void SetCommandLine(BootVolume& volume, const std::string& append);

// `mkhandover make` here, with these options, as the volume's handover.
void PutHandover(BootVolume& volume, const std::string& options);

// A guest of 1 GiB that firmware boots from these volumes, in their order.
GuestOptions BootedFrom(const std::vector<const BootVolume*>& volumes);

// The application's lines of one boot, in their order, up to the kernel's init; on the debug port, where they are
// whole.
struct ApplicationLines {
  std::string handover;
  std::string contents;  // only of a handover that has names
  std::string mode;
  std::string kernel;
};
ApplicationLines ExpectApplication(Guest& guest);

// A refusal whose line starts so, and the way back.
void ExpectReturn(Guest& guest, const std::string& refusal);

// What the running kernel was told is not RAM, where firmware has nothing but free memory: joined.
std::vector<Extent> ReservedInFreeMemory(Guest& guest);

// Over a reset: `reboot` in the guest.
void Reboot(Guest& guest);

}  // namespace holdfast::e2e
