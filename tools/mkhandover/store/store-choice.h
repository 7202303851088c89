// SPDX-License-Identifier: BSD-2-Clause
// Which store.

#pragma once

#include <optional>
#include <string>

namespace holdfast::tool {

inline constexpr const char* kDefaultStore = "/dev/hugepages/holdfast";

struct StoreChoice {
  std::string folder = kDefaultStore;
  std::optional<std::string> handover;  // in the place of the one that this boot's report has
  std::optional<std::string> memory;    // a folder of files named by address, in the place of this machine's memory
  std::optional<std::string> plain;     // for tests: "ROOT,SIZE": files below ROOT stand for hugetlbfs, with such pages
};

}  // namespace holdfast::tool
