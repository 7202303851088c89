// SPDX-License-Identifier: BSD-2-Clause
// A processor of our own, for the application: where it would have stopped, it throws.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast::test {

struct StoppedMachine {
  std::optional<std::uint32_t> reset_after;  // seconds; without, it halts
};

// What was written to the debug port, once that is there.
struct DebugPort {
  bool is_there = false;
  std::string text;
};
DebugPort& FakeDebugPort();

// Vector instructions must be over where firmware is called.
bool IsInVectorScope();

}  // namespace holdfast::test
