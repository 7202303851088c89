// SPDX-License-Identifier: BSD-2-Clause
// In the place of efi-stub/enter-kernel.S.

#include "tests/support/entered-kernel.h"

extern "C" [[noreturn]] void EnterKernel(const holdfast::x86::StartState* state);

extern "C" void EnterKernel(const holdfast::x86::StartState* state) { throw holdfast::test::EnteredKernel{*state}; }
