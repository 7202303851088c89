// SPDX-License-Identifier: BSD-2-Clause
// Processor exceptions: none passes in silence.

#include "common/arch/x86/exceptions.h"

#include <array>
#include <cstddef>

extern "C" {
// exception-entry.S: one entry each kExceptionEntrySize bytes, in the order of the vectors.
extern const std::byte holdfast_exception_entries[];
}

namespace holdfast::x86 {
namespace {

constexpr std::size_t kVectors = 32;
constexpr std::size_t kEntrySize = 16;
constexpr std::uint16_t kCodeSelector = 0x10;
constexpr std::uint16_t kInterruptGate = 0x8e00;  // present, DPL 0, 64-bit interrupt gate

// SDM vol. 3A, figure 6-8.
struct Gate {
  std::uint16_t offset_low;
  std::uint16_t selector;
  std::uint16_t attributes;
  std::uint16_t offset_middle;
  std::uint32_t offset_high;
  std::uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

struct [[gnu::packed]] TablePointer {
  std::uint16_t limit;
  std::uint64_t base;
};

constinit std::array<Gate, kVectors> g_table{};

}  // namespace

void InstallExceptionTable() {
  for (std::size_t vector = 0; vector < kVectors; ++vector) {
    const auto entry = reinterpret_cast<std::uintptr_t>(&holdfast_exception_entries[vector * kEntrySize]);
    g_table[vector] = {static_cast<std::uint16_t>(entry & 0xffff),
                       kCodeSelector,
                       kInterruptGate,
                       static_cast<std::uint16_t>(entry >> 16 & 0xffff),
                       static_cast<std::uint32_t>(entry >> 32),
                       0};
  }
  const TablePointer pointer{sizeof(g_table) - 1, reinterpret_cast<std::uintptr_t>(g_table.data())};
  asm volatile("lidt %0" : : "m"(pointer));
}

}  // namespace holdfast::x86
