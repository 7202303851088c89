// SPDX-License-Identifier: BSD-2-Clause
// What the command line says of a handover.

#pragma once

#include <optional>
#include <string>

namespace holdfast::tool {

struct HandoverChoice {
  std::string file{};                   // or a directory; empty: none
  std::string dialect{};                // --as; empty: look
  std::optional<std::string> memory{};  // --memory: what its addresses lead into

  bool given() const { return !file.empty(); }
};

}  // namespace holdfast::tool
