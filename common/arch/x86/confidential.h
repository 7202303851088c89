// SPDX-License-Identifier: BSD-2-Clause
// Is this a guest whose memory or registers its host may not see?
//
// There every access to a port or to a device faults, and page tables carry a bit of their own.  Sources: Intel TDX
// Module Base Specification, "CPUID leaf 0x21"; AMD APM vol. 2, 15.34.10 (MSR SEV_STATUS 0xc0010131) and vol. 3,
// E.4.17 (CPUID 0x8000001f).

#pragma once

#include <cstdint>

#include "common/arch/x86/cpu.h"

namespace holdfast::x86 {

inline constexpr std::uint32_t kTdxLeaf = 0x21;
inline constexpr std::uint32_t kEncryptionLeaf = 0x8000001f;
inline constexpr std::uint32_t kSevStatusMsr = 0xc0010131;

// cpuid(leaf) and rdmsr(index) are the processor's; a test has others.
template <typename CpuidFn, typename RdmsrFn>
bool LooksConfidential(CpuidFn cpuid, RdmsrFn rdmsr) {
  constexpr std::uint32_t kHypervisor = std::uint32_t{1} << 31;
  if ((cpuid(1).ecx & kHypervisor) == 0) {
    return false;
  }
  if (cpuid(0).eax >= kTdxLeaf) {
    // "IntelTDX    "
    if (const CpuidResult r = cpuid(kTdxLeaf); r.ebx == 0x65746e49 && r.edx == 0x5844546c && r.ecx == 0x20202020) {
      return true;
    }
  }
  if (cpuid(0x80000000).eax >= kEncryptionLeaf) {
    constexpr std::uint32_t kSev = 1 << 1;
    constexpr std::uint64_t kAnySev = 7;  // SEV, SEV-ES, SEV-SNP
    return (cpuid(kEncryptionLeaf).eax & kSev) != 0 && (rdmsr(kSevStatusMsr) & kAnySev) != 0;
  }
  return false;
}

inline bool IsConfidentialGuest() {
  return LooksConfidential([](std::uint32_t leaf) { return Cpuid(leaf); },
                           [](std::uint32_t index) { return Rdmsr(index); });
}

}  // namespace holdfast::x86
