// SPDX-License-Identifier: BSD-2-Clause
// What only privileged instructions and ports can do: the seam to the processor, which unit tests have another of.

#pragma once

#include <cstdint>
#include <optional>

#include "common/console/console.h"

namespace holdfast::efi {

std::optional<ConsoleSink> OpenDebugPort();
bool Is5Levels();
bool IsConfidentialGuest();

// Vector instructions for the length of a scope, which must not call firmware.
class VectorScope {
 public:
  VectorScope();
  ~VectorScope();
  VectorScope(const VectorScope&) = delete;
  VectorScope& operator=(const VectorScope&) = delete;

 private:
  std::uint64_t before_;
};

// Into a kernel's EFI stub, with interrupts off; firmware, which the stub still calls, switches them on where it needs
// them.  Returns as the stub does.
struct HandoverCall {
  std::uintptr_t entry = 0;
  void* image = nullptr;
  void* table = nullptr;
  void* params = nullptr;
};
void CallHandoverEntry(const HandoverCall& call);

[[noreturn]] void Halt();
[[noreturn]] void ResetAfter(std::uint32_t seconds);

}  // namespace holdfast::efi
