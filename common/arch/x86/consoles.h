// SPDX-License-Identifier: BSD-2-Clause
// Sinks for text on a PC without firmware: a serial port, the VGA text screen, the debug port.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/console/console.h"

namespace holdfast::x86 {

// A 16550 UART (National Semiconductor PC16550D).
class SerialPort {
 public:
  // Pre: baud is 0 (leave the port's speed) or a divisor of 115,200.
  constexpr SerialPort(std::uint16_t base, std::uint32_t baud) : base_(base), baud_(baud) {}

  // A sink on the port, or nothing where no UART answers.
  std::optional<ConsoleSink> Open();

 private:
  static bool Write(void* device, std::string_view text);

  std::uint16_t base_;
  std::uint32_t baud_;
};

// The 80x25 text screen at 0xb8000, from its bottom line on.  `reset` brings a screen that the old kernel left in
// another mode's palette back to its start address (CRTC registers 0x0c, 0x0d).
class VgaText {
 public:
  ConsoleSink Open(bool reset);

 private:
  static bool Write(void* device, std::string_view text);
  void Put(char c);

  std::size_t column_ = 0;
};

// Port 0xe9 of hypervisors, which reads back 0xe9 where it is there.
std::optional<ConsoleSink> OpenDebugPort();

}  // namespace holdfast::x86
