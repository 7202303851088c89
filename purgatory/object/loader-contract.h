// SPDX-License-Identifier: BSD-2-Clause
// What the loader wrote into this object, in one form for both loaders.
//
// kexec-tools and the kernel's own kexec_file_load fill symbols of a relocatable purgatory.  Their register
// blocks share a name and a size but not the order of fields; which of two slots holds the address of stack_end
// tells them apart.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/abi/purgatory.h"
#include "common/codec/sha256.h"
#include "common/mem/phys-range.h"
#include "purgatory/boot.h"

namespace holdfast::purgatory {

struct CrashBackup {
  PhysRange from;
  PhysRange to;
};

struct LoaderContract {
  std::string_view name;  // "kexec-tools" or "linux"
  PhysAddr boot_params;
  PhysAddr kernel_entry;                     // 64-bit entry: 0x200 bytes behind where the kernel was loaded
  std::span<const PurgatoryRegion> regions;  // every segment but this one; empty entries are unused
  Digest digest{};                           // over all of them in order
  bool verify = true;                        // false: the loader was told to skip the digest
  bool crash_kernel = false;
  PhysRange stage;  // this object as it was loaded
};
static_assert(sizeof(LoaderContract) < 512);

// kUnsupported: neither loader's 64-bit entry (a 32-bit or multiboot kernel, which this object does not start).
Status ReadLoaderContract(LoaderContract& out);

// For a crash kernel: memory that has to be saved to its backup region.  Empty when there is none.
Result<CrashBackup> ReadCrashBackup();

ConsoleOptions ReadConsoleOptions();

// Where kexec-tools left room for an option behind the command line; nothing where it did not.
std::optional<PhysAddr> CommandLineEnd();

}  // namespace holdfast::purgatory
