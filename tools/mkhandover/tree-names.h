// SPDX-License-Identifier: BSD-2-Clause
// What a device tree calls itself.

#pragma once

#include <string>

#include "common/format/fdt.h"

namespace holdfast::tool {

// All strings of the root's compatible property: "a, b"; empty without one.
std::string CompatibleText(const FdtView& tree);

}  // namespace holdfast::tool
