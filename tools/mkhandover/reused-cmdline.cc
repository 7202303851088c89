// SPDX-License-Identifier: BSD-2-Clause
// This kernel's command line, made fit for the next one.

#include "tools/mkhandover/reused-cmdline.h"

#include <algorithm>

#include "common/format/command-line.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

bool IsDropped(std::string_view name, bool keeps_handovers) {
  return SameOptionName(name, "BOOT_IMAGE") || SameOptionName(name, "kexec_jump_back_entry") ||
         (SameOptionName(name, "holdfast") && !keeps_handovers);
}

}  // namespace

std::string ReuseCommandLine(std::string_view line, bool keeps_handovers) {
  line = Trim(line.substr(0, line.find('\n')));
  std::string out;
  CommandLineReader reader(line);
  std::size_t kept_from = 0;  // what stands in front of it is settled
  bool keeps = true;
  while (const auto option = reader.Next()) {
    if (keeps) {
      out += line.substr(kept_from, option->offset - kept_from);
    }
    kept_from = option->offset;
    keeps = !IsDropped(option->name, keeps_handovers);
  }
  if (keeps) {
    out += line.substr(kept_from);
  } else if (const std::size_t rest = line.find(" -- ", kept_from); rest != std::string_view::npos) {
    out += line.substr(rest + 1);
  }
  return std::string(Trim(out));
}

}  // namespace holdfast::tool
