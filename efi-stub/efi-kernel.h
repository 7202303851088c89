// SPDX-License-Identifier: BSD-2-Clause
// Starts the kernel through its EFI stub, verified by firmware: as an EFI application, or by the handover entry, which
// takes setup_data.

#pragma once

#include "common/format/inner-kernel.h"
#include "common/mem/problem.h"
#include "efi-stub/firmware.h"

namespace holdfast::efi {

struct EfiKernelStart {
  const KernelImage& kernel;
  std::span<const std::byte> initrd{};  // through LoadFile2, or none
  std::string_view command_line{};      // UTF-8, with a NUL behind it
  // For the handover entry only: the head of a setup_data chain, in memory that stays, or 0.
  std::uint64_t setup_data = 0;
};

// Its EFI stub knows LoadFile2: Linux 5.8 and newer, whose image version says so (LINUX_EFISTUB_MAJOR_VERSION,
// include/linux/pe.h).  Older ones come up without an initrd, silently.
bool TakesInitrd(std::span<const std::byte> kernel);

// Has firmware load and verify the kernel; nothing of it has run.  kUntrusted (what: "kernel"), kFirmware.
Result<EFI_HANDLE> LoadEfiKernel(const Firmware& firmware, std::span<const std::byte> kernel, Problem& problem);

// Returns only where it did not start, or has ended; the initrd is then not offered any more.  The image is for the
// caller to unload, unless it was started.  kMalformed (where: byte offset): a command line that is no text; kTooLarge:
// one of more than kMaxOptions characters; kFirmware.
inline constexpr std::size_t kMaxOptions = 4095;
Status StartEfiImage(const Firmware& firmware, EFI_HANDLE image, const EfiKernelStart& start, Problem& problem);
// As boot.rst, "EFI Handover Protocol", has it.  kUnsupported (where: xloadflags): the kernel has no such entry;
// kMalformed (where: handover_offset): it would be outside the image; kFirmware.
// What cannot be known before is not refused any more: Linux' stub does not return from this entry, but has firmware
// Exit() an image that firmware never started.  Where it finds no memory the machine stops, so that a caller wants a
// slot for it in the plan.
Status EnterEfiHandover(const Firmware& firmware, Ledger& ledger, EFI_HANDLE image, const EfiKernelStart& start,
                        Problem& problem);

}  // namespace holdfast::efi
