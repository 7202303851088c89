// SPDX-License-Identifier: BSD-2-Clause
// The system calls that load a kernel and start it: the one wrapper around them.
//
// Sources: kexec_load(2), kexec_file_load(2), reboot(2), memfd_create(2), getrandom(2).

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/mem/phys-range.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/params-block.h"

namespace holdfast::tool {

struct KexecSegment {
  std::vector<std::byte> bytes;
  PhysRange range;  // where they go; the rest of it is filled with zeros
};

// 0, or errno.  `entry` is where the kernel jumps, with no purgatory in between and all registers 0.
int KexecLoad(std::span<const KexecSegment> segments, std::uint64_t entry);
// 0, or errno.
int KexecFileLoad(int kernel, int initrd, const std::string& cmdline);

// Forgets what was loaded.  0, or errno.
int UnloadKernel();

// Writes all that is not yet on disk, and jumps.  Returns only where the kernel refuses: errno.
int StartLoadedKernel();

// Memory that can be read as a file.  A program that is started finds it as PathOf() says.
Descriptor MemoryFile(const std::string& name, std::span<const std::byte> bytes);
std::string PathOf(const Descriptor& memory_file);

// Runs a program to its end and returns its status, or 128 and more where a signal ended it.  All that it prints
// goes to standard error.
int RunProgram(const std::vector<std::string>& words);

RngSeed RandomSeed();

}  // namespace holdfast::tool
