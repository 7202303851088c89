// SPDX-License-Identifier: BSD-2-Clause
// What a loader has put into memory for the next kernel, read and copied, nothing of it believed yet.

#pragma once

#include <cstdint>
#include <string_view>

#include "common/abi/boot-params.h"
#include "common/format/setup-data-chain.h"
#include "common/mem/memory-map.h"
#include "common/mem/phys-memory.h"
#include "common/mem/range-set.h"

namespace holdfast::purgatory {

// Memory that may be read: the ranges of a set, at their own addresses.
class ReadableMemory {
 public:
  explicit ReadableMemory(std::span<PhysRange> storage) : ranges_(storage) {}

  Status Add(PhysRange range) { return ranges_.Add(range.RoundedOut(kPageSize)); }
  // All RAM of a map.
  Status AddRam(const MemoryMap& map);

  std::span<const PhysRange> view() const { return ranges_.view(); }
  PhysMemory memory() const { return PhysMemory(&Read, &ranges_); }

 private:
  static const std::byte* Read(const void* backing, PhysRange range);

  RangeSet ranges_;
};

struct LoadedBoot {
  LoadedBoot(BootParams& params_copy, std::span<MemEntry> map_storage) : params(params_copy), map(map_storage) {}

  PhysRange params_at;
  BootParams& params;  // a copy
  MemoryMap map;       // e820 of boot_params and of SETUP_E820_EXT
  SetupDataNodes nodes;
  PhysRange command_line_at;  // with its NUL
  std::string_view command_line;
  PhysRange initrd;  // empty without one
};

// Reads boot_params at `address`, whose page the caller vouches for, and all that it leads to.  Adds RAM to
// `readable` as it becomes known.  On error `failed` names what could not be read.
Status ReadLoadedBoot(PhysAddr address, ReadableMemory& readable, LoadedBoot& out, std::string_view& failed);

}  // namespace holdfast::purgatory
