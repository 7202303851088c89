// SPDX-License-Identifier: BSD-2-Clause
// Sinks for text on a PC without firmware.

#include "common/arch/x86/consoles.h"

#include "common/arch/x86/cpu.h"

namespace holdfast::x86 {
namespace {

// PC16550D registers, as offsets from the base port.
constexpr std::uint16_t kTransmit = 0;
constexpr std::uint16_t kDivisorLow = 0;   // while kDivisorLatch is set
constexpr std::uint16_t kDivisorHigh = 1;  // while kDivisorLatch is set
constexpr std::uint16_t kLineControl = 3;
constexpr std::uint16_t kLineStatus = 5;
constexpr std::uint8_t kDivisorLatch = 0x80;
constexpr std::uint8_t k8n1 = 0x03;
constexpr std::uint8_t kTransmitEmpty = 0x20;
constexpr std::uint32_t kUartClock = 115200;
constexpr int kMaxPolls = 1'000'000;  // far more than a character takes at 300 baud

constexpr std::uintptr_t kVgaBuffer = 0xb8000;
constexpr std::size_t kVgaColumns = 80;
constexpr std::size_t kVgaRows = 25;
constexpr std::uint16_t kVgaAttribute = 0x0700;  // grey on black
constexpr std::uint16_t kCrtcIndex = 0x3d4;
constexpr std::uint16_t kCrtcData = 0x3d5;

constexpr std::uint16_t kDebugPort = 0xe9;

volatile std::uint16_t* VgaCell(std::size_t row, std::size_t column) {
  return reinterpret_cast<volatile std::uint16_t*>(kVgaBuffer) + row * kVgaColumns + column;
}

}  // namespace

std::optional<ConsoleSink> SerialPort::Open() {
  if (base_ == 0 || In8(static_cast<std::uint16_t>(base_ + kLineStatus)) == 0xff) {
    return std::nullopt;
  }
  if (baud_ != 0 && baud_ <= kUartClock) {
    const std::uint32_t divisor = kUartClock / baud_;
    const auto line_control = static_cast<std::uint16_t>(base_ + kLineControl);
    Out8(line_control, kDivisorLatch | k8n1);
    Out8(static_cast<std::uint16_t>(base_ + kDivisorLow), static_cast<std::uint8_t>(divisor & 0xff));
    Out8(static_cast<std::uint16_t>(base_ + kDivisorHigh), static_cast<std::uint8_t>(divisor >> 8 & 0xff));
    Out8(line_control, k8n1);
  }
  return ConsoleSink{&Write, this};
}

bool SerialPort::Write(void* device, std::string_view text) {
  const std::uint16_t base = static_cast<SerialPort*>(device)->base_;
  for (const char c : text) {
    int polls = 0;
    while ((In8(static_cast<std::uint16_t>(base + kLineStatus)) & kTransmitEmpty) == 0) {
      if (++polls == kMaxPolls) {
        return false;
      }
    }
    Out8(static_cast<std::uint16_t>(base + kTransmit), static_cast<std::uint8_t>(c));
  }
  return true;
}

ConsoleSink VgaText::Open(bool reset) {
  if (reset) {
    for (const std::uint8_t index : {std::uint8_t{0x0c}, std::uint8_t{0x0d}}) {
      Out8(kCrtcIndex, index);
      Out8(kCrtcData, 0);
    }
  }
  return {&Write, this};
}

bool VgaText::Write(void* device, std::string_view text) {
  for (const char c : text) {
    static_cast<VgaText*>(device)->Put(c);
  }
  return true;
}

void VgaText::Put(char c) {
  if (c == '\r') {
    return;
  }
  if (c != '\n') {
    *VgaCell(kVgaRows - 1, column_++) = static_cast<std::uint16_t>(kVgaAttribute | static_cast<std::uint8_t>(c));
  }
  if (c == '\n' || column_ == kVgaColumns) {
    for (std::size_t row = 0; row + 1 < kVgaRows; ++row) {
      for (std::size_t column = 0; column < kVgaColumns; ++column) {
        *VgaCell(row, column) = *VgaCell(row + 1, column);
      }
    }
    for (std::size_t column = 0; column < kVgaColumns; ++column) {
      *VgaCell(kVgaRows - 1, column) = kVgaAttribute | ' ';
    }
    column_ = 0;
  }
}

std::optional<ConsoleSink> OpenDebugPort() {
  if (In8(kDebugPort) != kDebugPort) {
    return std::nullopt;
  }
  return ConsoleSink{[](void*, std::string_view text) {
                       for (const char c : text) {
                         Out8(kDebugPort, static_cast<std::uint8_t>(c));
                       }
                       return true;
                     },
                     nullptr};
}

}  // namespace holdfast::x86
