// SPDX-License-Identifier: BSD-2-Clause
// The seam to the kernel: unit tests stop here.

#pragma once

#include "common/arch/x86/start-next-kernel.h"

// enter-kernel.S.  Pre: boot services are gone.
extern "C" [[noreturn]] void EnterKernel(const holdfast::x86::StartState* state);
