// SPDX-License-Identifier: BSD-2-Clause
// Processor exceptions: none passes in silence.
//
// A kexec leaves no interrupt descriptor table, so that any fault would be a triple fault.  Ours hands every
// exception to one function of the shell's; a non-maskable interrupt is ignored.  Source: Intel SDM vol. 3A, 6.

#pragma once

#include <cstdint>

namespace holdfast::x86 {

// What exception-entry.S pushes and the processor pushed before (SDM vol. 3A, figure 6-9).
struct ExceptionFrame {
  std::uint64_t vector;
  std::uint64_t error_code;  // 0 where the processor pushes none
  std::uint64_t rip;
  std::uint64_t cs;
  std::uint64_t rflags;
  std::uint64_t rsp;
  std::uint64_t ss;
};

// Fills and loads the table.  Pre: the code selector is 0x10.
void InstallExceptionTable();

}  // namespace holdfast::x86

// The shell's: says what happened and ends the boot.
extern "C" [[noreturn]] void HoldfastException(const holdfast::x86::ExceptionFrame* frame);
