// SPDX-License-Identifier: BSD-2-Clause
// What the demo prints: lines with the time since it began, and quotes below them.
//
// Coloured on a terminal, unless NO_COLOR is set; plain anywhere else.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::demo {

enum class Tone { kPlain, kGood, kBad, kFaint, kStrong };

class Story {
 public:
  Story();

  double Elapsed() const;  // seconds

  void Title(std::string_view text) const;
  void Step(std::string_view text) const;  // with the time
  void Say(std::string_view text = {}) const;
  void Quote(std::string_view text, Tone tone = Tone::kFaint) const;  // one line or several

  std::string Toned(std::string_view text, Tone tone) const;

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  bool coloured_;
};

std::string InSeconds(double seconds);  // "1.2 s"
std::string InMib(std::uint64_t bytes);
std::string Hex(std::uint64_t number);
std::string Count(std::uint64_t count, std::string_view noun);  // "1 range", "2 ranges"

// At least `width` columns.  Pre: ASCII.
std::string Padded(std::string_view text, std::size_t width);

}  // namespace holdfast::demo
