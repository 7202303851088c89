// SPDX-License-Identifier: BSD-2-Clause
// Dialects by the names that people use for them.

#pragma once

#include <optional>
#include <string_view>

#include "common/format/kho.h"

namespace holdfast::tool {

inline constexpr std::string_view kNameHoldfast = "holdfast";
inline constexpr std::string_view kNameBadRam = "badram";
inline constexpr std::string_view kNameMemmap = "memmap";

// What --as says.
struct DialectWish {
  std::string_view given;    // as it was written; empty: look
  std::string_view dialect;  // what the handover has to be
  KhoBitmaps bitmaps = KhoBitmaps::kUnknown;
  int page_table_levels = 0;  // of PKRAM; 0: not said

  // Is `name` the dialect that is wanted?
  bool Takes(std::string_view name) const { return given.empty() || name == dialect; }
};

// Empty for no wish.  Ends in a usage Failure for a name that is no dialect.
DialectWish ParseDialect(std::string_view name);

// The name that is in use for what a tree's compatible string says.
std::string_view DialectNameOf(std::string_view compatible);

}  // namespace holdfast::tool
