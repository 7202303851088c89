// SPDX-License-Identifier: BSD-2-Clause
// Native or fence: how kept memory is protected.

#pragma once

#include <optional>

#include "common/mem/problem.h"
#include "common/plan/boot-plan.h"

namespace holdfast {

// The caller's wish, or the handover's where the caller has none.
ModeWish WishOf(ModeWish caller, const Handover& handover);

// Why the next kernel, entered at `entry`, cannot take its handover natively; nullopt: it can, as far as is known
// before anything is placed.  kConflict as ConflictWithNative() says; all others are kUnsupported, the kind of handover
// being `other`: there is none that a kernel reads by itself (what: "native mode without a KHO handover", which refuses
// nothing: there is nothing to lose by a fence); the kernel does not carry its version, or it is not known
// whether it does ("kernel"); it is entered through its own decompressor ("native mode through the bzimage entry"), or
// by firmware, which passes no setup_data ("native mode through the efi-image entry"); another handover keeps some of
// its memory too, which must then be fenced, or keeps memory in its scratch ("native mode beside another handover of
// the same memory"); only kernels that agree on the size of its bitmaps read it alike, which nobody vouches for
// ("native mode nobody asked for").
std::optional<Problem> ObstacleToNative(const BootInputs& in, KernelEntry entry);

// There is no kernel yet, and it may turn out to be native: what is placed must do for both modes.
bool MayBecomeNative(const BootInputs& in, KernelEntry entry);

// kOutsideScratch: what lies somewhere already, and is still needed when the next kernel runs, lies in RAM that is not
// scratch.  Pre: in.handover.native.
std::optional<Problem> FirstOutsideScratch(const BootInputs& in);

}  // namespace holdfast
