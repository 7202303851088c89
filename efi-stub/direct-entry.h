// SPDX-License-Identifier: BSD-2-Clause
// Starts the kernel without its EFI stub: at vmlinux' entry, or at the bzImage's 64-bit one.
//
// Whoever enters there does what the stub would have done: boot_params with the map that the plan made, efi_info, RSDP,
// screen_info, a random seed, and the end of boot services.  Source: Documentation/arch/x86/boot.rst, "64-bit Boot
// Protocol"; arch/x86/include/uapi/asm/bootparam.h.
//
// A vmlinux stays in the plan's slot.  A bzImage's decompressor may move its kernel once more, to what firmware's map
// has free: never onto what is allocated, so off all that is fenced.

#pragma once

#include "common/format/boot-report.h"
#include "common/format/inner-kernel.h"
#include "common/format/setup-data-chain.h"
#include "common/plan/boot-plan.h"
#include "efi-stub/firmware.h"
#include "efi-stub/storage.h"

namespace holdfast::efi {

struct DirectStart {
  const BootPlan& plan;  // its entry is kVmlinux or kBzImage
  const PreservedMap& kept;
  const InnerKernel& kernel;  // its vmlinux is decoded, where it is what is entered
  bool kaslr = true;
  std::span<const std::byte> initrd;
  std::string_view command_line;
  std::span<const SetupDataNode> nodes;  // to be passed on: KHO's, in native mode
  const BootReport& report;
  const Policy& policy;
};

// Returns only where it did not start: then boot services are still there, and what it took is in the ledger.
// kOverlap: a write would have met kept memory; kFirmware: the slot is not free, or there is no memory;
// kConflict (where: the address): firmware's map has changed since the plan was made.
// Where firmware has begun to end boot services, and does not, the machine halts or resets as the policy says.
Status StartDirectly(const Firmware& firmware, Ledger& ledger, Storage& storage, const DirectStart& start,
                     Problem& problem);

}  // namespace holdfast::efi
