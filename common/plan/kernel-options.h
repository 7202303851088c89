// SPDX-License-Identifier: BSD-2-Clause
// What the next kernel's command line has to say about its place.

#pragma once

#include <string_view>

#include "common/plan/boot-plan.h"

namespace holdfast {

// `nokaslr` leaves the kernel where it is; `mem=` takes memory from it that it may then not stand in.
void HeedKernelOptions(std::string_view command_line, BootInputs& inputs);

}  // namespace holdfast
