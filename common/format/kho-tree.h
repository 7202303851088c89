// SPDX-License-Identifier: BSD-2-Clause
// The tree of a KHO handover: which dialect it is, and its properties.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/format/fdt.h"
#include "common/format/kho.h"
#include "common/mem/phys-memory.h"

namespace holdfast {

struct KhoTree {
  FdtView view;
  KhoDialect dialect;
  std::string_view compatible;
};

// kNotFinalized (where: the tree's address): no tree is there; FdtView's errors, kUnknownCompatible, kMalformed (where:
// byte offset in the tree); kUnreadable.  `is_2023`: the record has 48 bytes.
Result<KhoTree> OpenKhoTree(PhysRange fdt, bool is_2023, const PhysMemory& memory);

// A property of one u64 in the machine's byte order, which is not a device tree's.  nullopt: there is none.
// kMalformed (where: byte offset in the tree): another size, or two of that name.
Result<std::optional<std::uint64_t>> ReadKhoU64(const FdtView& tree, FdtNode node, const char* name);
// The same of a u32.
Result<std::optional<std::uint32_t>> ReadKhoU32(const FdtView& tree, FdtNode node, const char* name);
// One string.  nullopt: there is none.  kMalformed (where: byte offset in the tree).
Result<std::optional<std::string_view>> ReadKhoString(const FdtView& tree, FdtNode node, const char* name);

}  // namespace holdfast
