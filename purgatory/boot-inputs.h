// SPDX-License-Identifier: BSD-2-Clause
// What the plan has to know of a loaded boot.

#pragma once

#include "common/format/find-handovers.h"
#include "common/plan/boot-plan.h"
#include "purgatory/loaded-boot.h"

namespace holdfast::purgatory {

// Everything that lies somewhere already and that the next kernel needs; `stage` is where we run.
Status ListSegments(const LoadedBoot& boot, PhysRange stage, BoundedVector<SegmentRequest>& out);

// What else must not be written: what firmware still uses, what the loader's nodes point at, and the handovers.
// `efi` receives firmware's ranges, `facts` what its tables say.
Status ListInUse(const LoadedBoot& boot, const FoundHandovers& handovers, const PhysMemory& memory, RangeSet& efi,
                 BoundedVector<InUse>& out, EfiFacts& facts);

}  // namespace holdfast::purgatory
