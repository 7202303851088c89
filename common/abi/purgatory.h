// SPDX-License-Identifier: BSD-2-Clause
// What a loader writes into a purgatory before it jumps there.
//
// Layout only.  Sources: kexec-tools, kexec/arch/x86_64/kexec-x86_64.h (entry64_regs) and kexec/kexec.c
// (sha256_regions); Linux, arch/x86/include/asm/kexec.h and include/linux/purgatory.h.  Both loaders use
// the name entry64_regs and 136 bytes, but not one order of fields; the numbers below are slots of 8 bytes.

#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast {

inline constexpr std::size_t kEntryRegs = 17;
inline constexpr std::size_t kEntryRegsRip = 16;  // in both orders

struct KexecToolsRegs {
  static constexpr std::size_t kRsi = 4;
  static constexpr std::size_t kRsp = 6;
};
struct KernelRegs {
  static constexpr std::size_t kRsp = 4;
  static constexpr std::size_t kRsi = 6;
};

inline constexpr std::size_t kPurgatoryRegions = 16;
struct PurgatoryRegion {
  std::uint64_t start;
  std::uint64_t len;
};
static_assert(sizeof(PurgatoryRegion) * kPurgatoryRegions == 256);

// Spare bytes that kexec-tools leaves after the command line (PURGATORY_CMDLINE_SIZE).
inline constexpr std::size_t kPurgatoryCmdlineSpare = 64;

}  // namespace holdfast
