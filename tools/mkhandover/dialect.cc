// SPDX-License-Identifier: BSD-2-Clause
// Dialects by the names that people use for them.

#include "tools/mkhandover/dialect.h"

#include <algorithm>
#include <array>
#include <string>

#include "common/format/handover-v1.h"
#include "common/format/pkram.h"
#include "common/format/pmpool.h"
#include "common/format/prmem.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::array kDialects = {
    DialectWish{.given = kNameHoldfast, .dialect = kNameHoldfast},
    DialectWish{.given = "kho-v1", .dialect = "kho-v1"},
    DialectWish{.given = "kho-v1-512", .dialect = "kho-v1", .bitmaps = KhoBitmaps::k512},
    DialectWish{.given = "kho-v1-4096", .dialect = "kho-v1", .bitmaps = KhoBitmaps::k4096},
    DialectWish{.given = "kho-v2", .dialect = "kho-v2"},
    DialectWish{.given = "kho-v3", .dialect = "kho-v3"},
    DialectWish{.given = "kho-v4", .dialect = "kho-v4"},
    DialectWish{.given = "kho-series", .dialect = "kho-series"},
    DialectWish{.given = kDialectPkramPageTable, .dialect = kDialectPkramPageTable},
    DialectWish{.given = "pkram-pgt4", .dialect = kDialectPkramPageTable, .page_table_levels = 4},
    DialectWish{.given = "pkram-pgt5", .dialect = kDialectPkramPageTable, .page_table_levels = 5},
    DialectWish{.given = kDialectPkramRegions, .dialect = kDialectPkramRegions},
    DialectWish{.given = kDialectPmpool, .dialect = kDialectPmpool},
    DialectWish{.given = kDialectPrmem, .dialect = kDialectPrmem},
    DialectWish{.given = kNameBadRam, .dialect = kNameBadRam},
    DialectWish{.given = kNameMemmap, .dialect = kNameMemmap},
};

std::string AllNames() {
  std::string out;
  for (const DialectWish& each : kDialects) {
    out += out.empty() ? "" : ", ";
    out += each.given;
  }
  return out;
}

}  // namespace

DialectWish ParseDialect(std::string_view name) {
  if (name.empty()) {
    return {};
  }
  const auto* const known =
      std::find_if(kDialects.begin(), kDialects.end(), [name](const DialectWish& each) { return each.given == name; });
  if (known == kDialects.end()) {
    throw Failure(ExitCode::kUsage, Format("--as {}: no such dialect; there are {}", Printable(name), AllNames()));
  }
  return *known;
}

std::string_view DialectNameOf(std::string_view compatible) {
  return compatible == kDialectHoldfast ? kNameHoldfast : compatible;
}

}  // namespace holdfast::tool
