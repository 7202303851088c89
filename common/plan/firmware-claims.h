// SPDX-License-Identifier: BSD-2-Clause
// A fence in firmware's own memory map.
//
// While boot services are there, memory is fenced by allocating it: what is not EfiConventionalMemory no kernel's EFI
// stub takes, and its type tells the kernel what it is.  MakeBootPlan() decides as ever; this says what of its decision
// firmware has to be told.

#pragma once

#include <cstdint>
#include <span>

#include "common/format/efi-memory-map.h"
#include "common/plan/boot-plan.h"

namespace holdfast {

struct FirmwareClaim {
  PhysRange range;         // whole pages
  bool stays_ram = false;  // EfiLoaderData: a kernel will claim it by itself; else EfiReservedMemoryType

  constexpr bool operator==(const FirmwareClaim&) const = default;
};

inline constexpr std::size_t kMaxFirmwareClaims = 1024;
// Of kept ranges that stand apart; the gaps between more are closed.  1,500 made Linux 6.12 boot in a minute.  Each
// kind of claim by itself: reserved memory, and what stays RAM.
inline constexpr std::size_t kMaxFencesInFirmware = 256;

// The entry budget of a plan in firmware: each fence inside RAM makes two more entries.
inline std::size_t FirmwareEntryBudget(const MemoryMap& memory) { return memory.size() + 2 * kMaxFencesInFirmware; }

// What must not be written, for BootInputs::in_use: firmware's own memory by its types' names, but for what is claimed
// already; and the first MiB, which is not given to anybody.  kTableFull.
Status ListFirmwareInUse(std::span<const FirmwareRange> owned, std::span<const FirmwareClaim> claimed,
                         BoundedVector<InUse>& out);

// What to allocate, ascending and disjoint: everything that is RAM in in.memory and not in plan.memory (closed gaps
// too), and kept memory that stays RAM: `held`, or native.  What firmware has free for a special purpose
// (EFI_MEMORY_SP) is claimed where it is kept, too: as reserved memory, for a kernel would give it to a driver.
//
// Claims that stay RAM cost the next kernel nothing: of more than kMaxFencesInFirmware the smallest gaps between are
// claimed with them, where all of the gap is free, one stretch of RAM, and no scratch.
// Pre: MakeBootPlan(in, plan) was ok.  kTableFull.
Status ListFirmwareClaims(const BootInputs& in, const BootPlan& plan, BoundedVector<FirmwareClaim>& out);

}  // namespace holdfast
