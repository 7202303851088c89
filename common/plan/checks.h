// SPDX-License-Identifier: BSD-2-Clause
// Is the handover believable, and does anything stand on what it keeps?  (I3)
//
// Each check notes every problem that it finds, up to the list's capacity, and goes on.

#pragma once

#include <span>

#include "common/base/bounded-vector.h"
#include "common/mem/problem.h"
#include "common/plan/boot-plan.h"

namespace holdfast {

using Problems = BoundedVector<Problem>;

// A full list is no error: whoever reads it has seen enough by then.
void NoteProblem(Problems& problems, const Problem& problem);

// kKeptNotRam: a kept range is neither RAM, nor memory that an earlier stage fenced, which is memory that the
// map calls reserved or persistent and the handover's own record calls RAM.
void CheckKeptIsRam(const MemoryMap& memory, const Handover& handover, Problems& problems);

// kOverlap: kept memory meets what is in use by others, or memory that the next kernel may place things in.
void CheckInUse(const PreservedMap& kept, std::span<const InUse> in_use, Problems& problems);
// Also kNotRam: native scratch is not RAM.  Of a native handover's structures the array of areas lies in its scratch,
// and that no other does is for its decoder to check.  Another handover's memory there is in the way of native mode
// alone.
void CheckScratch(const MemoryMap& memory, const Handover& handover, Problems& problems);

// kOverlap: a segment that lies somewhere already meets kept memory, or another one; kNotRam: it lies outside RAM.
void CheckSegments(const MemoryMap& memory, const PreservedMap& kept, std::span<const SegmentRequest> segments,
                   Problems& problems);

// The same for the place where a loader put the kernel.  It has written all of it, so what stood there is lost,
// wherever the kernel goes next.
void CheckKernelAt(const MemoryMap& memory, const PreservedMap& kept, PhysRange kernel_at,
                   std::span<const SegmentRequest> segments, Problems& problems);

}  // namespace holdfast
