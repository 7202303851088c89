// SPDX-License-Identifier: BSD-2-Clause
// A processor of our own, for the application: where it would have stopped, it throws.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "efi-stub/processor.h"

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

// The stub at a kernel's handover entry; none returns at once.
std::function<void(const efi::HandoverCall&)>& FakeHandoverEntry();

// Vector instructions must be over where firmware is called.
bool IsInVectorScope();

}  // namespace holdfast::test
