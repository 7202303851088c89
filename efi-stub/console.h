// SPDX-License-Identifier: BSD-2-Clause
// Firmware's console as a sink: the screen, and whatever serial line firmware has put beside it.

#pragma once

#include <span>
#include <string_view>

#include "common/console/console.h"
#include "efi-stub/firmware.h"

namespace holdfast::efi {

// `firmware` must outlive it, and boot services must be there.
ConsoleSink FirmwareSink(const Firmware& firmware);

// As ASCII, cut to what `storage` holds; any other character becomes '?'.
std::string_view ToAscii(std::u16string_view text, std::span<char> storage);

}  // namespace holdfast::efi
