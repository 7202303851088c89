// SPDX-License-Identifier: BSD-2-Clause
// What the demo prints: lines with the time since it began, and quotes below them.

#include "tests/e2e/demo/story.h"

// Debian has no static library of fmt.
#define FMT_HEADER_ONLY
#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <sstream>

#include "tests/e2e/environment.h"

namespace holdfast::demo {
namespace {

constexpr std::string_view kIndent = "          ";

constexpr std::string_view Code(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "0";
    case Tone::kGood:
      return "1;32";
    case Tone::kBad:
      return "1;31";
    case Tone::kFaint:
      return "2";
    case Tone::kStrong:
      return "1";
  }
  return "0";
}

bool WantsColours() {
  return isatty(STDOUT_FILENO) == 1 && e2e::EnvironmentOr("NO_COLOR", "").empty() &&
         e2e::EnvironmentOr("TERM", "dumb") != "dumb";
}

// Seen at once, whatever standard output is.
void Print(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

}  // namespace

Story::Story() : coloured_(WantsColours()) {}

double Story::Elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

void Story::Title(std::string_view text) const { Print(Toned(text, Tone::kStrong)); }

void Story::Step(std::string_view text) const { Print(fmt::format("{:6.1f} s  {}", Elapsed(), text)); }

void Story::Say(std::string_view text) const { Print(std::string(text)); }

void Story::Quote(std::string_view text, Tone tone) const {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) Print(std::string(kIndent) + Toned(line, tone));
}

std::string Story::Toned(std::string_view text, Tone tone) const {
  return coloured_ && tone != Tone::kPlain ? fmt::format("\033[{}m{}\033[0m", Code(tone), text) : std::string(text);
}

std::string InSeconds(double seconds) { return fmt::format("{:.1f} s", seconds); }

std::string InMib(std::uint64_t bytes) { return fmt::format("{} MiB", bytes >> 20); }

std::string Hex(std::uint64_t number) { return fmt::format("{:#x}", number); }

std::string Count(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string Padded(std::string_view text, std::size_t width) { return fmt::format("{:<{}}", text, width); }

}  // namespace holdfast::demo
