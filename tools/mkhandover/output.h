// SPDX-License-Identifier: BSD-2-Clause
// Where a verb puts what it has to say.

#pragma once

#include <ostream>
#include <string>
#include <string_view>

namespace holdfast::tool {

struct OutputOptions {
  bool json = false;
  bool quiet = false;    // no warnings, no notes
  bool verbose = false;  // notes as well
};

// What the terminal can show.
struct Terminal {
  bool colours = false;
  bool unicode = false;
};
// Colours: standard output is a terminal, NO_COLOR is unset or empty, TERM is not "dumb".
// Unicode: LC_ALL, LC_CTYPE or LANG, the first that is set, names UTF-8.
Terminal AskTerminal();

enum class Colour { kKept, kRam, kOther };

class Output {
 public:
  Output(std::ostream& out, std::ostream& err, const OutputOptions& options, Terminal terminal)
      : out_(out), err_(err), options_(options), terminal_(terminal) {}

  bool json() const { return options_.json; }
  bool verbose() const { return options_.verbose; }
  bool quiet() const { return options_.quiet; }
  Terminal terminal() const { return terminal_; }

  // A line of the result.
  void Line(std::string_view text);
  // A line for the person who runs the tool.
  void Warn(std::string_view text);
  void Note(std::string_view text);
  void Complain(std::string_view text);

  // All lines so far are where they go.
  void Flush();

  // The text in that colour, where there are colours.
  std::string Coloured(Colour colour, std::string_view text) const;

 private:
  std::ostream& out_;
  std::ostream& err_;
  OutputOptions options_;
  Terminal terminal_;
};

}  // namespace holdfast::tool
