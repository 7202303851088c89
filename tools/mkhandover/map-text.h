// SPDX-License-Identifier: BSD-2-Clause
// Memory maps as people see them: lines of the kernel log, and /proc/iomem.
//
// Ends are inclusive in the text and turned round here.  A line that does not read ends in a Failure that names
// file, line and text.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/mem/memory-map.h"

namespace holdfast::tool {

// The type behind a name, in any of the three wordings: the log before 7.x ("usable", "reserved"), the log since
// ("System RAM", "device reserved") and the resource tree ("System RAM", "ACPI Tables"); also "type N" and
// "persistent (type N)".  Upper and lower case are one.
std::optional<MemType> MemTypeFromName(std::string_view name);

// Lines "[    0.000000] BIOS-e820: [mem 0x...-0x...] usable".  Of a whole kernel log the lines of the table that
// holds most are taken: "extended:" (the loader gave more than 128 entries), else "BIOS-e820:".  Where no line
// has such a prefix, each must be "... [mem 0x...-0x...] TYPE"; "[gap ...]" and empty lines are passed over.
std::vector<MemEntry> ParseE820Text(std::string_view text, const std::string& name);

// /proc/iomem: lines "00100000-7ffdefff : System RAM", nested by indentation.  Names that are no kind of memory
// (PCI buses, devices, the kernel's own parts) are passed over.
std::vector<MemEntry> ParseIomemText(std::string_view text, const std::string& name);

// Whether a text looks like the first or the second kind.
bool LooksLikeE820Text(std::string_view text);
bool LooksLikeIomemText(std::string_view text);

// Inclusive ends: [first, last].
std::optional<PhysRange> RangeFromFirstLast(std::uint64_t first, std::uint64_t last);
// Hexadecimal digits, with or without 0x, and nothing else.
std::optional<std::uint64_t> ParseHex(std::string_view text);

}  // namespace holdfast::tool
