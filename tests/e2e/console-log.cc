// SPDX-License-Identifier: BSD-2-Clause
// What a guest has said, as lines that tests can compare.

#include "tests/e2e/console-log.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace holdfast::e2e {
namespace {

// The start of a word: "DEBUG:" is not "BUG:".
bool HasWord(std::string_view line, std::string_view word) {
  for (std::size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    if (at == 0 || std::isalpha(static_cast<unsigned char>(line[at - 1])) == 0) return true;
  }
  return false;
}

}  // namespace

std::string_view Message(std::string_view line) {
  if (!line.starts_with('[')) return line;
  const std::size_t end = line.find("] ");
  if (end == std::string_view::npos) return line;
  const std::string_view stamp = line.substr(1, end - 1);
  const bool is_stamp = !stamp.empty() && stamp.find('.') != std::string_view::npos &&
                        stamp.find_first_not_of(" .0123456789") == std::string_view::npos;
  return is_stamp ? line.substr(end + 2) : line;
}

bool IsPanic(std::string_view line) {
  static constexpr std::array<std::string_view, 6> kCries = {
      "Kernel panic", "BUG:", "Oops", "not syncing", "PANIC: early exception", "kernel BUG at"};
  return std::any_of(kCries.begin(), kCries.end(), [&](std::string_view cry) { return HasWord(line, cry); });
}

void ConsoleLog::Append(std::string_view bytes) {
  for (const char c : bytes) {
    switch (escape_) {
      case Escape::kStarted:
        escape_ = c == '[' ? Escape::kSequence : Escape::kNone;
        continue;
      case Escape::kSequence:
        if (c >= '@' && c <= '~') escape_ = Escape::kNone;
        continue;
      case Escape::kNone:
        break;
    }
    if (c == '\x1b') {
      escape_ = Escape::kStarted;
    } else if (c == '\n') {
      lines_.push_back(std::move(partial_));
      partial_.clear();
    } else if (static_cast<unsigned char>(c) >= ' ' || c == '\t') {
      partial_ += c;
    }
  }
}

std::optional<std::size_t> ConsoleLog::Find(std::string_view prefix, std::size_t from) const {
  for (std::size_t i = from; i < lines_.size(); ++i) {
    if (lines_[i].starts_with(prefix) || Message(lines_[i]).starts_with(prefix)) return i;
  }
  return std::nullopt;
}

std::optional<std::size_t> ConsoleLog::FindPanic(std::size_t from) const {
  for (std::size_t i = from; i < lines_.size(); ++i) {
    if (IsPanic(lines_[i])) return i;
  }
  if (IsPanic(partial_)) return lines_.size();
  return std::nullopt;
}

std::size_t ConsoleLog::LastBoot() const {
  for (std::size_t i = lines_.size(); i != 0; --i) {
    if (Message(lines_[i - 1]).starts_with("Linux version ")) return i - 1;
  }
  return 0;
}

std::string ConsoleLog::Text(std::size_t from, std::optional<std::size_t> to) const {
  std::string text;
  const std::size_t end = std::min(to.value_or(lines_.size()), lines_.size());
  for (std::size_t i = from; i < end; ++i) text.append(lines_[i]).push_back('\n');
  if (!to && !partial_.empty()) text.append(partial_).push_back('\n');
  return text;
}

std::string ConsoleLog::Tail(std::size_t num_lines) const {
  return Text(lines_.size() - std::min(num_lines, lines_.size()));
}

}  // namespace holdfast::e2e
