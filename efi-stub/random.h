// SPDX-License-Identifier: BSD-2-Clause
// Random numbers from firmware.

#pragma once

#include "common/arch/x86/seed.h"
#include "efi-stub/firmware.h"

namespace holdfast::efi {

// EFI_RNG_PROTOCOL's bytes (UEFI 2.10, 37.5), where firmware has some, on top of what the processor has.
void AddFirmwareRandom(const Firmware& firmware, x86::SeedMaker& seed);

}  // namespace holdfast::efi
