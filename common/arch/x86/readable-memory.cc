// SPDX-License-Identifier: BSD-2-Clause
// Memory that may be read: the ranges of a set, each at its own address.

#include "common/arch/x86/readable-memory.h"

namespace holdfast::x86 {

Status ReadableMemory::AddRam(const MemoryMap& map) {
  for (const MemEntry& entry : map.view()) {
    if (IsRam(entry.type)) {
      TRY(Add(entry.range));
    }
  }
  return kDone;
}

const std::byte* ReadableMemory::Read(const void* backing, PhysRange range) {
  const bool readable = static_cast<const RangeSet*>(backing)->Contains(range);
  return readable ? reinterpret_cast<const std::byte*>(range.start().raw()) : nullptr;
}

}  // namespace holdfast::x86
