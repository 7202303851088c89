// SPDX-License-Identifier: BSD-2-Clause
// What stands after an option: sizes, ranges, names.
//
// Numbers are read as the kernel reads them in its command line: decimal, 0x, a leading 0 for octal, and
// K M G T for powers of 1024.  Each function ends in a Failure of kind usage that names option and text.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/mem/phys-range.h"
#include "common/mem/preserved-map.h"

namespace holdfast::tool {

std::uint64_t ParseSizeOption(std::string_view option, std::string_view text);

// START+SIZE, not empty.
PhysRange ParseRangeOption(std::string_view option, std::string_view text);

struct NamedRange {
  std::string name;
  PhysRange range;

  bool operator==(const NamedRange&) const = default;
};
// START+SIZE[,NAME]; `default_name` where there is none, unless that is empty: then a name must be given.
NamedRange ParseNamedRangeOption(std::string_view option, std::string_view text, std::string_view default_name);

struct PreserveOption {
  PhysRange range;
  std::string name;  // empty: none given
  Fence fence = Fence::kReserved;
  std::string owner;

  bool operator==(const PreserveOption&) const = default;
};
// START+SIZE[,name=N][,fence=F][,owner=O]
PreserveOption ParsePreserveOption(std::string_view text);

// A node's name in the tree: [0-9A-Za-z,._+-]{1,31}.
bool IsNodeName(std::string_view name);
// The nearest legal name.
std::string MakeNodeName(std::string_view text);

}  // namespace holdfast::tool
