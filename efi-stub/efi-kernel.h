// SPDX-License-Identifier: BSD-2-Clause
// Starts the kernel through its EFI stub, verified by firmware: as an EFI application, or by the handover entry, which
// takes setup_data.

#pragma once

#include "common/mem/preserved-map.h"
#include "efi-stub/firmware.h"

namespace holdfast::efi {

struct EfiKernelStart {
  std::span<const std::byte> kernel;  // the bzImage
  std::span<const std::byte> initrd;  // through LoadFile2, or none
  std::string_view command_line;
  // For the handover entry only: the head of a setup_data chain, in memory that stays.
  std::optional<PhysAddr> setup_data;
};

// Has firmware load and verify the kernel; nothing of it has run.  kUntrusted (what: "kernel").
Result<EFI_HANDLE> LoadEfiKernel(const Firmware& firmware, std::span<const std::byte> kernel, Problem& problem);

// Returns only where it did not start, or has ended: its image is unloaded then, and the initrd not offered any more.
Status StartEfiImage(const Firmware& firmware, EFI_HANDLE image, const EfiKernelStart& start, Problem& problem);
Status EnterEfiHandover(const Firmware& firmware, Ledger& ledger, EFI_HANDLE image, const EfiKernelStart& start,
                        Problem& problem);

}  // namespace holdfast::efi
