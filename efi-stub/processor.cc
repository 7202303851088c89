// SPDX-License-Identifier: BSD-2-Clause
// What only privileged instructions and ports can do.

#include "efi-stub/processor.h"

#include "common/arch/x86/confidential.h"
#include "common/arch/x86/consoles.h"
#include "common/arch/x86/cpu.h"
#include "common/arch/x86/power.h"

namespace holdfast::efi {

std::optional<ConsoleSink> OpenDebugPort() { return x86::OpenDebugPort(); }
bool Is5Levels() { return x86::Is5Levels(); }
bool IsConfidentialGuest() { return x86::IsConfidentialGuest(); }

VectorScope::VectorScope() : before_(x86::ReadCr4()) { x86::WriteCr4(before_ | x86::kCr4Osfxsr | x86::kCr4Osxmmexcpt); }
VectorScope::~VectorScope() { x86::WriteCr4(before_); }

void CallHandoverEntry(const HandoverCall& call) {
  const auto enter = reinterpret_cast<void (*)(void* image, void* table, void* params)>(call.entry);
  asm volatile("cli" ::: "memory");
  enter(call.image, call.table, call.params);
  asm volatile("sti" ::: "memory");
}

void Halt() { x86::Halt(); }

void ResetAfter(std::uint32_t seconds) {
  x86::WaitSeconds(seconds);
  x86::ResetMachine();
}

}  // namespace holdfast::efi
