// SPDX-License-Identifier: BSD-2-Clause
// An error on its way to the line that says it.

#pragma once

#include <string_view>

#include "common/mem/problem.h"

namespace holdfast::efi {

inline Error Explain(Problem& problem, Error error, std::string_view what, PhysRange range = PhysRange()) {
  problem = {.code = error.code, .where = error.where, .what = what, .range = range};
  return error;
}

template <typename T>
Status Check(Problem& problem, const Result<T>& result, std::string_view what, PhysRange range = PhysRange()) {
  return result.ok() ? Status(kDone) : Status(Explain(problem, result.error(), what, range));
}

}  // namespace holdfast::efi
