// SPDX-License-Identifier: BSD-2-Clause
// Waiting, and starting the machine anew.

#pragma once

#include <cstdint>

namespace holdfast::x86 {

// Waits by the PIT's channel 2 (Intel 8254), which needs no interrupt.  On a machine without one it returns
// after a bounded number of polls.
void WaitSeconds(std::uint32_t seconds);

// Resets by a fault that nobody handles, without touching a port.
[[noreturn]] void TripleFault();

// Resets through the chipset (port 0xcf9), the keyboard controller, and a triple fault, in this order.
[[noreturn]] void ResetMachine();

}  // namespace holdfast::x86
