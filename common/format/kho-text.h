// SPDX-License-Identifier: BSD-2-Clause
// Text in the records of KHO's clients.

#pragma once

#include <cstring>
#include <span>
#include <string_view>

#include "common/base/result.h"

namespace holdfast {

// The text of a field, up to its NUL.  kMalformed (where: `where`): it has none.
inline Result<std::string_view> KhoTextIn(std::span<const std::byte> field, std::uint64_t where) {
  const std::string_view all(static_cast<const char*>(static_cast<const void*>(field.data())), field.size());
  const std::size_t length = all.find('\0');
  if (length == std::string_view::npos) {
    return Error{Errc::kMalformed, where};
  }
  return std::string_view(all.data(), length);  // substr() would want a function that throws.
}

}  // namespace holdfast
