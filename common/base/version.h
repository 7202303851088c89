// SPDX-License-Identifier: BSD-2-Clause
// The version that every shell and the tool report.

#pragma once

#include <string_view>

namespace holdfast {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace holdfast
