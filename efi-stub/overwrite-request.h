// SPDX-License-Identifier: BSD-2-Clause
// Whether firmware was told to overwrite memory at the next reset, which ends whatever is kept.
//
// Source: TCG Platform Reset Attack Mitigation Specification, 4.1: bit 0 of MemoryOverwriteRequestControl.

#pragma once

#include "efi-stub/firmware.h"

namespace holdfast::efi {

enum class OverwriteState : std::uint8_t { kNone, kClear, kSet, kCleared };
std::string_view OverwriteStateName(OverwriteState state);  // "none", "clear", "set", "cleared"

// kNone: there is no such variable.  One that does not say what it should is kSet: nothing then says that memory stays.
OverwriteState ReadOverwriteRequest(const Firmware& firmware);
// kCleared, or kSet where firmware does not take it; kNone and kClear: there was nothing to do.
OverwriteState ClearOverwriteRequest(const Firmware& firmware);

}  // namespace holdfast::efi
