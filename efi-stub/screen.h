// SPDX-License-Identifier: BSD-2-Clause
// Firmware's screen, for a kernel that does not ask firmware for it.

#pragma once

#include "common/abi/screen-info.h"
#include "efi-stub/firmware.h"

namespace holdfast::efi {

// The frame buffer of the graphics output protocol (UEFI 2.10, 12.9); all 0 where there is none that a kernel could
// write to.
ScreenInfo ReadScreen(const Firmware& firmware);

}  // namespace holdfast::efi
