// SPDX-License-Identifier: BSD-2-Clause
// What a device tree calls itself.

#include "tools/mkhandover/tree-names.h"

#include <algorithm>

#include "common/abi/handover-fdt.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {

std::string CompatibleText(const FdtView& tree) {
  const auto bytes = tree.Property(tree.root(), handover_fdt::kPropCompatible);
  if (!bytes || bytes->empty()) {
    return {};
  }
  std::string text(AsText(*bytes));
  text.erase(std::find_if(text.rbegin(), text.rend(), [](char c) { return c != '\0'; }).base(), text.end());
  std::string out;
  for (const char c : text) {
    out += c == '\0' ? std::string(", ") : Printable({&c, 1});
  }
  return out;
}

}  // namespace holdfast::tool
