// SPDX-License-Identifier: BSD-2-Clause
// boot_params as one loader left it, made over into what the next kernel is given.
//
// Sources: Documentation/arch/x86/boot.rst, "Details of Header Fields"; sanitize_boot_params() of
// arch/x86/include/asm/bootparam_utils.h.  Layout: common/abi/boot-params.h.

#pragma once

#include <string_view>

#include "common/abi/boot-params.h"
#include "common/mem/phys-range.h"

namespace holdfast {

// Clears what a loader left undefined that copied more of the kernel's file than its setup header, as the kernel
// itself does: everything outside the header that such a loader is not known to set, the upper halves of the
// addresses above 4 GiB among it.  Such a loader shows in the sentinel, which is 0 afterwards.
// To be called before any other field is believed.
void SanitizeBootParams(BootParams& params);

// Replaces the setup header by that of the kernel which is to be started, as its file has it, but for the fields that
// a loader fills in: they stay as the loader of `params` left them.  Of loadflags only the file's LOADED_HIGH is set.
// A loader without a type gets one, because kernels take no initrd from it.  Sanitizes `params` first, so addresses
// above 4 GiB are to be set afterwards.
// Pre: DecodeKernelSetup() took `inner`.
void AdoptSetupHeader(const SetupHeader& inner, BootParams& params);

// Addresses and sizes of any width, with their upper halves where boot_params keeps them.
void SetCommandLine(PhysAddr line, BootParams& params);
// An empty range: there is no initrd.
void SetInitrd(PhysRange initrd, BootParams& params);

// The kernel that is given this takes itself to run without EFI.  Its SETUP_EFI node has to go too, and it finds the
// ACPI tables by acpi_rsdp_addr alone.
void DropEfi(BootParams& params);

// Who filled in `params`, for people: a word such as "grub", "linux" for the kexec_file_load() system call, and
// "loader" where nothing says it.  To be asked before the setup header is replaced.
std::string_view LoaderName(const BootParams& params);

}  // namespace holdfast
