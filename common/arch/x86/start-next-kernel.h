// SPDX-License-Identifier: BSD-2-Clause
// The jump to the next kernel.

#pragma once

#include <cstdint>

namespace holdfast::x86 {

// Where the next kernel starts; start-next-kernel.S.
struct StartState {
  std::uint64_t boot_params;
  std::uint64_t entry;
};
static_assert(sizeof(StartState) == 16);

}  // namespace holdfast::x86

// Pre: 64-bit mode, flat segments, interrupts off, and boot_params, command line and kernel identity-mapped.
extern "C" [[noreturn]] void StartNextKernel(const holdfast::x86::StartState* state);
