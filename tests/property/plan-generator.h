// SPDX-License-Identifier: BSD-2-Clause
// Random cases that steer towards what is worth trying.

#pragma once

#include "tests/property/plan-case.h"
#include "tests/support/random.h"

namespace holdfast::property {

Case MakeCase(std::uint64_t seed);

// Adds options and the line that they stand in, each spelled in one of the many ways that Linux takes.
void MakeCommandLine(test::Random& random, Case& c);

}  // namespace holdfast::property
