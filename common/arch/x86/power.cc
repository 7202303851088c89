// SPDX-License-Identifier: BSD-2-Clause
// Waiting, and starting the machine anew.

#include "common/arch/x86/power.h"

#include "common/arch/x86/cpu.h"

namespace holdfast::x86 {
namespace {

constexpr std::uint16_t kPitChannel2 = 0x42;
constexpr std::uint16_t kPitCommand = 0x43;
constexpr std::uint16_t kPortB = 0x61;  // bit 0: gate of channel 2, bit 1: speaker, bit 5: its output
constexpr std::uint32_t kPitHz = 1193182;
constexpr std::uint32_t kTicksPerWait = kPitHz / 100;  // 10 ms
constexpr int kMaxPolls = 1'000'000;                   // a port read takes about a microsecond

constexpr std::uint16_t kResetControl = 0xcf9;
constexpr std::uint16_t kKeyboardCommand = 0x64;

void WaitTenMilliseconds() {
  Out8(kPortB, static_cast<std::uint8_t>((In8(kPortB) & ~3U) | 1));
  Out8(kPitCommand, 0xb0);  // channel 2, both bytes, mode 0: the output rises when the count ends
  Out8(kPitChannel2, kTicksPerWait & 0xff);
  Out8(kPitChannel2, kTicksPerWait >> 8);
  for (int polls = 0; polls < kMaxPolls && (In8(kPortB) & 0x20) == 0; ++polls) {
  }
}

}  // namespace

void WaitSeconds(std::uint32_t seconds) {
  for (std::uint64_t waits = std::uint64_t{seconds} * 100; waits != 0; --waits) {
    WaitTenMilliseconds();
  }
}

void TripleFault() {
  struct [[gnu::packed]] {
    std::uint16_t limit = 0;
    std::uint64_t base = 0;
  } no_table;
  asm volatile("lidt %0; int3" : : "m"(no_table));
  Halt();
}

void ResetMachine() {
  Out8(kResetControl, 0x02);
  Out8(kResetControl, 0x06);
  WaitTenMilliseconds();
  Out8(kKeyboardCommand, 0xfe);
  WaitTenMilliseconds();
  TripleFault();
}

}  // namespace holdfast::x86
