// SPDX-License-Identifier: BSD-2-Clause
// What a loader has put into memory for the next kernel, read and copied, nothing of it believed yet.

#pragma once

#include <cstdint>
#include <string_view>

#include "common/abi/boot-params.h"
#include "common/arch/x86/readable-memory.h"
#include "common/format/setup-data-chain.h"
#include "common/mem/memory-map.h"

namespace holdfast::purgatory {

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
Status ReadLoadedBoot(PhysAddr address, x86::ReadableMemory& readable, LoadedBoot& out, std::string_view& failed);

}  // namespace holdfast::purgatory
