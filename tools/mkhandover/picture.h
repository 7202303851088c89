// SPDX-License-Identifier: BSD-2-Clause
// Pictures of memory: lines for a terminal, and an SVG file.

#pragma once

#include <span>
#include <string>

#include "tools/mkhandover/output.h"
#include "tools/mkhandover/stretches.h"

namespace holdfast::tool {

// A strip of all memory, then a row for each stretch with a bar to scale, then a legend.  Where there are too many
// rows, RAM with kept ranges in it becomes one row with a strip of its own; verbose shows them all.
void DrawInTerminal(std::span<const Stretch> stretches, Output& output);

// A complete document: rows of equal size, each a window of addresses, and a list of what is kept.
std::string DrawAsSvg(std::span<const Stretch> stretches);

}  // namespace holdfast::tool
