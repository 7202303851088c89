// SPDX-License-Identifier: BSD-2-Clause
// Where the application would have gone: EnterKernel() of tests throws it.

#pragma once

#include "common/arch/x86/start-next-kernel.h"

namespace holdfast::test {

struct EnteredKernel {
  x86::StartState state;
};

}  // namespace holdfast::test
