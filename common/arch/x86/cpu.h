// SPDX-License-Identifier: BSD-2-Clause
// Instructions that C++ has no word for.
//
// For shells only.  Sources: Intel SDM vol. 2 and 3A; AMD APM vol. 3 for CPUID leaf 0x80000001.

#pragma once

#include <cstdint>
#include <optional>

namespace holdfast::x86 {

inline constexpr std::uint64_t kCr4Osfxsr = std::uint64_t{1} << 9;
inline constexpr std::uint64_t kCr4Osxmmexcpt = std::uint64_t{1} << 10;
inline constexpr std::uint64_t kCr4La57 = std::uint64_t{1} << 12;

inline void Out8(std::uint16_t port, std::uint8_t value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
inline std::uint8_t In8(std::uint16_t port) {
  std::uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

inline std::uint64_t ReadCr2() {
  std::uint64_t value;
  asm volatile("mov %%cr2, %0" : "=r"(value));
  return value;
}
inline std::uint64_t ReadCr4() {
  std::uint64_t value;
  asm volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}
inline bool Is5Levels() { return (ReadCr4() & kCr4La57) != 0; }  // of page tables
inline void WriteCr3(std::uint64_t value) { asm volatile("mov %0, %%cr3" : : "r"(value) : "memory"); }
inline void WriteCr4(std::uint64_t value) { asm volatile("mov %0, %%cr4" : : "r"(value) : "memory"); }

// Copies memory at any address, also at 0, which no C++ function takes for an object's.
inline void CopyPhysical(std::uint64_t to, std::uint64_t from, std::uint64_t size) {
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

inline std::uint64_t Rdmsr(std::uint32_t index) {
  std::uint32_t low;
  std::uint32_t high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
  return std::uint64_t{high} << 32 | low;
}

struct CpuidResult {
  std::uint32_t eax, ebx, ecx, edx;
};
inline CpuidResult Cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) {
  CpuidResult r;
  asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
  return r;
}

inline bool HasLeaf(std::uint32_t leaf) { return Cpuid(leaf & 0x80000000).eax >= leaf; }
inline bool HasGiBPages() { return HasLeaf(0x80000001) && (Cpuid(0x80000001).edx >> 26 & 1) != 0; }
// SHA with the SSSE3 and SSE4.1 that its shuffles need.
inline bool HasShaNi() {
  return HasLeaf(7) && (Cpuid(7).ebx >> 29 & 1) != 0 && (Cpuid(1).ecx >> 9 & 1) != 0 && (Cpuid(1).ecx >> 19 & 1) != 0;
}
inline bool HasRdrand() { return (Cpuid(1).ecx >> 30 & 1) != 0; }
inline bool HasRdseed() { return HasLeaf(7) && (Cpuid(7).ebx >> 18 & 1) != 0; }

inline std::uint64_t Rdtsc() {
  std::uint32_t low;
  std::uint32_t high;
  asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return std::uint64_t{high} << 32 | low;
}

// Both may find the source dry; ten tries are what Intel's DRNG guide asks for.
template <bool kSeed>
std::optional<std::uint64_t> HardwareRandom() {
  for (int tries = 0; tries < 10; ++tries) {
    std::uint64_t value;
    bool ok;
    if constexpr (kSeed) {
      asm volatile("rdseed %0" : "=r"(value), "=@ccc"(ok));
    } else {
      asm volatile("rdrand %0" : "=r"(value), "=@ccc"(ok));
    }
    if (ok) {
      return value;
    }
  }
  return std::nullopt;
}

[[noreturn]] inline void Halt() {
  for (;;) {
    asm volatile("cli; hlt");
  }
}

// SSE for the length of a scope: kexec leaves CR4.OSFXSR clear, so the first SSE instruction would fault.
class SseScope {
 public:
  SseScope() : before_(ReadCr4()) { WriteCr4(before_ | kCr4Osfxsr | kCr4Osxmmexcpt); }
  ~SseScope() { WriteCr4(before_); }
  SseScope(const SseScope&) = delete;
  SseScope& operator=(const SseScope&) = delete;

 private:
  std::uint64_t before_;
};

}  // namespace holdfast::x86
