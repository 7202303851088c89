// SPDX-License-Identifier: BSD-2-Clause
// What a guest has said, as lines that tests can compare.
//
// Carriage returns, terminal escapes and other control characters are left
// out; a kernel's time stamp is no part of a line's message.  Pure: bytes in,
// lines out.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::e2e {

// The line without "[    1.234567] ".
std::string_view Message(std::string_view line);

// Is this the kernel's cry of death?
bool IsPanic(std::string_view line);

class ConsoleLog {
 public:
  void Append(std::string_view bytes);

  // Complete lines so far, and the start of the one that is being written.
  const std::vector<std::string>& lines() const { return lines_; }
  const std::string& partial() const { return partial_; }

  // First line at or after `from` whose message, or which itself, starts with `prefix`.
  std::optional<std::size_t> Find(std::string_view prefix, std::size_t from) const;

  // First panic at or after `from`; it counts as soon as it can be read, complete or not.
  std::optional<std::size_t> FindPanic(std::size_t from) const;

  // Number of the line with which the current kernel began, or of the first line.
  std::size_t LastBoot() const;

  // Lines [from, to), and with `to` absent all that there is, each with its newline.
  std::string Text(std::size_t from, std::optional<std::size_t> to = std::nullopt) const;
  std::string Tail(std::size_t num_lines) const;

 private:
  enum class Escape { kNone, kStarted, kSequence };

  std::vector<std::string> lines_;
  std::string partial_;
  Escape escape_ = Escape::kNone;
};

}  // namespace holdfast::e2e
