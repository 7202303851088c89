// SPDX-License-Identifier: BSD-2-Clause
// What the next kernel's command line has to say about its place.

#include "common/plan/kernel-options.h"

#include <algorithm>

#include "common/format/command-line.h"

namespace holdfast {

void HeedKernelOptions(std::string_view command_line, BootInputs& inputs) {
  if (FindOption(command_line, "nokaslr")) {
    inputs.kaslr = false;
  }
  if (const auto mem = FindOption(command_line, "mem"); mem && mem->has_value) {
    if (const auto limit = ParseMemSize(mem->value); limit && *limit != 0) {
      inputs.kernel.limit = std::min(inputs.kernel.limit, *limit);
    }
  }
}

}  // namespace holdfast
