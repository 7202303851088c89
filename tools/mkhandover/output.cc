// SPDX-License-Identifier: BSD-2-Clause
// Where a verb puts what it has to say.

#include "tools/mkhandover/output.h"

#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

std::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool LocaleIsUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value(Environment(name));
    if (value.empty()) {
      continue;
    }
    std::transform(value.begin(), value.end(), value.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

constexpr std::string_view Code(Colour colour) {
  switch (colour) {
    case Colour::kKept:
      return "1;32";
    case Colour::kRam:
      return "36";
    case Colour::kOther:
      return "2";
  }
  return "0";
}

}  // namespace

Terminal AskTerminal() {
  const bool colours = isatty(STDOUT_FILENO) == 1 && Environment("NO_COLOR").empty() && Environment("TERM") != "dumb";
  return {.colours = colours, .unicode = LocaleIsUtf8()};
}

void Output::Line(std::string_view text) { out_ << text << '\n'; }

void Output::Warn(std::string_view text) {
  if (!options_.quiet) {
    err_ << "mkhandover: warning: " << text << '\n';
  }
}

void Output::Note(std::string_view text) {
  if (options_.verbose && !options_.quiet) {
    err_ << "mkhandover: " << text << '\n';
  }
}

void Output::Complain(std::string_view text) { err_ << "mkhandover: " << text << '\n'; }

void Output::Flush() {
  out_.flush();
  err_.flush();
}

std::string Output::Coloured(Colour colour, std::string_view text) const {
  return terminal_.colours ? Format("\033[{}m{}\033[0m", Code(colour), text) : std::string(text);
}

}  // namespace holdfast::tool
