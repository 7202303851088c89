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
  CommandLineReader reader(command_line);
  while (const auto option = reader.Next()) {
    if (!option->has_value || !SameOptionName(option->name, "mem")) {
      continue;
    }
    if (const auto limit = ParseMemSize(option->value); limit && *limit != 0) {
      inputs.kernel.limit = std::min(inputs.kernel.limit, *limit);
    }
  }
}

}  // namespace holdfast
