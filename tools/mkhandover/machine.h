// SPDX-License-Identifier: BSD-2-Clause
// What this machine's kernel says of it in /sys and /proc: all that a loader passes on to the next kernel.

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/abi/boot-params.h"
#include "common/abi/efi-memory.h"
#include "tools/mkhandover/output.h"
#include "tools/mkhandover/owned-map.h"

namespace holdfast::tool {

// What a kernel that is not started by firmware needs to go on with its runtime services.
struct EfiMachine {
  EfiInfo info;  // as this kernel was given it: the system table, the version of descriptors
  std::vector<EfiMemoryDescriptor> runtime_map;
  std::uint64_t fw_vendor = 0;  // physical addresses, as SETUP_EFI wants them
  std::uint64_t config_table = 0;
  std::uint64_t smbios = 0;  // 0: unknown
};

struct Machine {
  BootParams params;  // as this kernel was given them
  std::unique_ptr<OwnedMap> map;
  std::uint64_t acpi_rsdp = 0;      // 0: to be looked for in low memory
  std::unique_ptr<EfiMachine> efi;  // null: no EFI, or not all that is needed of it
  bool is_5_levels = false;         // CR4.LA57
  bool is_confidential = false;     // a guest whose memory its host may not read
  bool has_loaded_kernel = false;   // one waits for a kexec
  bool hands_over_by_kho = false;   // what it preserves is passed on by kexec_file_load alone
};

// `root` stands for "/": tests bring a tree of their own.  Without EFI's runtime services, or where a part of what
// they need cannot be read, the machine has no efi, and a warning says why where there should be one.
// Ends in a Failure where boot_params or the memory map cannot be read.
Machine ReadMachine(const std::filesystem::path& root, Output& output);

// The directory's N/{type,phys_addr,virt_addr,num_pages,attribute}, in the order of N.
std::vector<EfiMemoryDescriptor> ReadRuntimeMap(const std::filesystem::path& directory);
// The address that a line "NAME=0x..." of /sys/firmware/efi/systab gives.
std::optional<std::uint64_t> FindInSystab(std::string_view text, std::string_view name);
// Whether the flags in /proc/cpuinfo have that word.
bool ShowsFlag(std::string_view cpuinfo, std::string_view flag);
// A guest of TDX or SEV, by the same flags.
bool ShowsConfidential(std::string_view cpuinfo);
// Whether a kernel with this command line was told to hand memory over by KHO.
bool AsksForKho(std::string_view cmdline);

}  // namespace holdfast::tool
