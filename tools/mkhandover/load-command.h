// SPDX-License-Identifier: BSD-2-Clause
// When something is loaded, once more, and let go: the steps themselves are in loader.h.

#pragma once

#include <functional>

#include "tools/mkhandover/loader.h"

namespace holdfast::tool {

// The seam for tests: what they load never reaches a kernel.
struct LoadSteps {
  std::function<ExitCode(const LoadOptions&, Output&)> load = &LoadOnce;
  std::function<void(Output&)> unload = &Unload;
};

// RunLoad() with these steps.
ExitCode RunLoad(const LoadOptions& options, Output& output, const LoadSteps& steps);

}  // namespace holdfast::tool
