// SPDX-License-Identifier: BSD-2-Clause
// What the loader wrote into this object, in one form for both loaders.
//
// Each symbol lies in .data with exactly the size that the loader checks; sources: kexec-tools,
// kexec/kexec.c and kexec/arch/x86_64; Linux, kernel/kexec_file.c and arch/x86/kernel/kexec-bzimage64.c.

#include "purgatory/object/loader-contract.h"

#include <cstring>

#define LOADER_SYMBOL [[gnu::section(".data"), gnu::used]] constinit

extern "C" {

LOADER_SYMBOL std::uint64_t entry64_regs[holdfast::kEntryRegs] = {};

// kexec-tools
LOADER_SYMBOL holdfast::PurgatoryRegion sha256_regions[holdfast::kPurgatoryRegions] = {};
LOADER_SYMBOL std::byte sha256_digest[32] = {};
LOADER_SYMBOL std::uint32_t skip_checks = 0;
LOADER_SYMBOL std::uint64_t cmdline_end = 0;
LOADER_SYMBOL std::uint8_t reset_vga = 0;
LOADER_SYMBOL std::uint8_t console_vga = 0;
LOADER_SYMBOL std::uint8_t console_serial = 0;
LOADER_SYMBOL std::uint8_t panic_kernel = 0;
LOADER_SYMBOL std::uint16_t serial_base = 0x3f8;
LOADER_SYMBOL std::uint32_t serial_baud = 0;
LOADER_SYMBOL std::uint64_t backup_start = 0;
LOADER_SYMBOL std::uint64_t backup_src_start = 0;
LOADER_SYMBOL std::uint64_t backup_src_size = 0;

// The kernel
LOADER_SYMBOL holdfast::PurgatoryRegion purgatory_sha_regions[holdfast::kPurgatoryRegions] = {};
LOADER_SYMBOL std::byte purgatory_sha256_digest[32] = {};

// entry.S and purgatory.ld
extern std::byte purgatory_start[];
extern std::byte purgatory_end[];
extern std::byte stack_end[];
}

namespace holdfast::purgatory {
namespace {

std::uint64_t AddressOf(const std::byte* object) { return reinterpret_cast<std::uintptr_t>(object); }

Digest CopyDigest(const std::byte (&stored)[32]) {
  Digest out;
  std::memcpy(out.data(), stored, out.size());
  return out;
}

}  // namespace

Status ReadLoaderContract(LoaderContract& out) {
  TRY_ASSIGN(out.stage,
             PhysRange::FromStartEnd(PhysAddr(AddressOf(purgatory_start)), PhysAddr(AddressOf(purgatory_end))));
  out.kernel_entry = PhysAddr(entry64_regs[kEntryRegsRip]);
  if (entry64_regs[KexecToolsRegs::kRsp] == AddressOf(stack_end)) {
    out.name = "kexec-tools";
    out.boot_params = PhysAddr(entry64_regs[KexecToolsRegs::kRsi]);
    out.regions = sha256_regions;
    out.digest = CopyDigest(sha256_digest);
    out.verify = skip_checks == 0;
    out.crash_kernel = panic_kernel != 0;
    return kDone;
  }
  if (entry64_regs[KernelRegs::kRsp] == AddressOf(stack_end)) {
    out.name = "linux";
    out.boot_params = PhysAddr(entry64_regs[KernelRegs::kRsi]);
    out.regions = purgatory_sha_regions;
    out.digest = CopyDigest(purgatory_sha256_digest);
    return kDone;
  }
  return Error{Errc::kUnsupported, entry64_regs[kEntryRegsRip]};
}

Result<CrashBackup> ReadCrashBackup() {
  TRY_ASSIGN(const PhysRange from, PhysRange::FromStartSize(PhysAddr(backup_src_start), backup_src_size));
  if (backup_start == 0) {
    return CrashBackup{};
  }
  TRY_ASSIGN(const PhysRange to, PhysRange::FromStartSize(PhysAddr(backup_start), backup_src_size));
  return CrashBackup{from, to};
}

ConsoleOptions ReadConsoleOptions() {
  return {.serial_base = serial_base,
          .serial_baud = console_serial != 0 ? serial_baud : 0,
          .vga = console_vga != 0,
          .reset_vga = reset_vga != 0};
}

std::optional<PhysAddr> CommandLineEnd() {
  return cmdline_end == 0 ? std::nullopt : std::optional(PhysAddr(cmdline_end));
}

}  // namespace holdfast::purgatory
