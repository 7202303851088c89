// SPDX-License-Identifier: BSD-2-Clause
// The decision.

#include "common/plan/boot-plan.h"

#include "common/plan/checks.h"
#include "common/plan/fence-map.h"
#include "common/plan/kernel-entry.h"
#include "common/plan/kernel-options.h"
#include "common/plan/mode.h"
#include "common/plan/slots.h"

namespace holdfast {
namespace {

// Ends the planning with a reason of its own.
Error Refuse(BootPlan& plan, const Problem& problem) {
  NoteProblem(plan.problems, problem);
  return {problem.code, problem.where};
}

Error RefuseFull(BootPlan& plan, std::string_view table, Error error) {
  return Refuse(plan, {.code = error.code, .where = error.where, .what = table});
}

// Held ranges have to be passed, whatever the mode; a native handover unless it is ruled out already.
SetupDataNeed NeedsSetupData(const BootInputs& in) {
  for (const KeptRange& kept : in.handover.kept.view()) {
    if (kept.fence == Fence::kHeld) {
      return SetupDataNeed::kNeeded;
    }
  }
  const ModeWish wish = WishOf(in.mode, in.handover);
  if (!in.handover.native || wish == ModeWish::kFence) {
    return SetupDataNeed::kNone;
  }
  if (wish == ModeWish::kNative) {
    return SetupDataNeed::kNeeded;
  }
  const bool is_ruled_out =
      !MayBecomeNative(in, KernelEntry::kEfiHandover) && ObstacleToNative(in, KernelEntry::kEfiHandover);
  return is_ruled_out ? SetupDataNeed::kNone : SetupDataNeed::kWanted;
}

void ChooseHowToEnter(const BootInputs& in, BootPlan& plan) {
  Problem problem;
  const EntryNeeds needs{.keeps = !in.handover.kept.empty(), .setup_data = NeedsSetupData(in)};
  if (const auto entry = ChooseEntry(in.entry, in.efi, needs, problem); entry.ok()) {
    plan.entry = entry.value();
  } else {
    NoteProblem(plan.problems, problem);
  }
  plan.drops_efi = MustDropEfi(in.efi);
}

// Is the handover believable, does nothing stand on what it keeps, and will the kernel leave it alone?
Status CheckInputs(const BootInputs& in, BootPlan& plan) {
  if (in.segments.size() > kMaxSegments) {
    return RefuseFull(plan, "segments", {Errc::kTableFull, kMaxSegments});
  }
  CheckKeptIsRam(in.memory, in.handover, plan.problems);
  CheckScratch(in.memory, in.handover, plan.problems);
  CheckInUse(in.handover.kept, in.in_use, plan.problems);
  CheckSegments(in.memory, in.handover.kept, in.segments, plan.problems);
  CheckInUse(in.handover.kept, in.written, plan.problems);
  if (in.kernel_at) {
    CheckKernelAt(in.memory, in.handover.kept, *in.kernel_at, in.segments, plan.problems);
  }
  CheckKernelOptions(in.command_line, in.handover.kept, plan.problems);
  ChooseHowToEnter(in, plan);
  if (!plan.problems.empty()) {
    return Error{plan.problems[0].code, plan.problems[0].where};
  }
  return kDone;
}

// On error native mode is wanted, and not possible.
Status ChooseMode(const BootInputs& in, BootPlan& plan) {
  const ModeWish wish = WishOf(in.mode, in.handover);
  if (!in.handover.native || wish == ModeWish::kFence || MayBecomeNative(in, plan.entry)) {
    return kDone;
  }
  auto obstacle = ObstacleToNative(in, plan.entry);
  if (!obstacle) {
    obstacle = FirstOutsideScratch(in);
  }
  if (!obstacle) {
    plan.mode = Mode::kNative;
  } else if (wish == ModeWish::kNative) {
    return Refuse(plan, *obstacle);
  } else {
    plan.why_fence = obstacle;
  }
  return kDone;
}

const NativeHandover* NativeOf(const BootInputs& in, Mode mode) {
  return mode == Mode::kNative ? &*in.handover.native : nullptr;
}

// One node holds as much as touches: there are few of them.
Status AppendHeld(BoundedVector<PhysRange>& held, PhysRange range) {
  if (!held.empty() && held.back().end() == range.start()) {
    TRY_ASSIGN(held.back(), PhysRange::FromStartEnd(held.back().start(), range.end()));
    return kDone;
  }
  return held.Append(range);
}

// Where nothing may be put: what lies somewhere already, what is in use, and kept memory that a fence leaves RAM.
Status CollectAvoid(const BootInputs& in, BootPlan& plan) {
  const NativeHandover* const native = NativeOf(in, plan.mode);
  for (const KeptRange& kept : in.handover.kept.view()) {
    if (kept.fence == Fence::kHeld && (native == nullptr || kept.source != native->source)) {
      TRY(AppendHeld(plan.held, kept.range));
      TRY(plan.avoid.Add(kept.range));
    }
  }
  for (const SegmentRequest& segment : in.segments) {
    if (segment.at) {
      TRY(plan.avoid.Add(segment.at->RoundedOut(kPageSize)));
    }
  }
  for (const InUse& use : in.in_use) {
    TRY(plan.avoid.Add(use.range.RoundedOut(kPageSize)));
  }
  return kDone;
}

// Where things may be put, in native mode off what is kept without a fence.
FreeSpace SpaceOf(const BootInputs& in, const BootPlan& plan) {
  return {.map = plan.memory, .avoid = plan.avoid, .off = plan.mode == Mode::kNative ? &in.handover.kept : nullptr};
}

// In native mode what stays goes into scratch, and what does not leaves it to what does, if it can.
std::optional<PhysRange> FindPlace(const BootInputs& in, const BootPlan& plan, const SegmentRequest& segment) {
  const std::uint64_t limit = in.kernel.limit == 0 ? kPhysLimit : in.kernel.limit;
  const PlaceRequest request{segment.size, segment.alignment, limit, in.kernel_at.value_or(PhysRange())};
  if (plan.mode == Mode::kFence && !MayBecomeNative(in, plan.entry)) {
    return HighestPlace(SpaceOf(in, plan), request);
  }
  FreeSpace inside = SpaceOf(in, plan);
  inside.within = in.handover.native->scratch;
  FreeSpace outside = SpaceOf(in, plan);
  outside.outside = in.handover.native->scratch;
  if (segment.is_temporary) {
    const auto place = HighestPlace(outside, request);
    return place ? place : HighestPlace(inside, request);
  }
  const auto place = HighestPlace(inside, request);
  const bool must_be_inside = plan.mode == Mode::kNative || WishOf(in.mode, in.handover) == ModeWish::kNative;
  return place || must_be_inside ? place : HighestPlace(outside, request);
}

// What has no place yet goes as high as it can, whatever the seed, so that a place is not a matter of luck: off
// everything that lies somewhere, and off the kernel's bytes, which are still needed where they are.
Status PlaceSegments(const BootInputs& in, BootPlan& plan) {
  for (const SegmentRequest& segment : in.segments) {
    std::optional<PhysRange> place = segment.at;
    if (!place) {
      place = FindPlace(in, plan, segment);
      if (!place) {
        return Refuse(plan, {.code = Errc::kNoSlot, .where = segment.size, .what = segment.name});
      }
      TRY(plan.avoid.Add(place->RoundedOut(kPageSize)));
    }
    TRY(plan.segments.Append({segment.name, *place, segment.is_temporary}));
  }
  return kDone;
}

// Random among all slots; without KASLR where the loader put the kernel if that is a slot, else the lowest.  An EFI
// kernel takes its place by itself, in whatever firmware has free.
Status PickSlot(const BootInputs& in, BootPlan& plan) {
  if (in.kernel.size == 0) {
    return kDone;  // There is no kernel yet.
  }
  FreeSpace space = SpaceOf(in, plan);
  if (plan.mode == Mode::kNative && !IsEfiEntry(plan.entry)) {
    space.within = in.handover.native->scratch;
  }
  const std::uint64_t count = CountSlots(space, in.kernel);
  if (count == 0) {
    return Refuse(plan, {.code = Errc::kNoSlot, .where = in.kernel.size, .what = "kernel"});
  }
  if (IsEfiEntry(plan.entry)) {
    plan.slot.count = count;
    return kDone;
  }
  std::uint64_t index = 0;
  if (in.kaslr && in.handover.policy.kaslr) {
    index = PickIndex(in.seed, count);
  } else if (in.kernel_at) {
    index = SlotIndexOf(space, in.kernel, in.kernel_at->start()).value_or(0);
  }
  plan.slot = {SlotAt(space, in.kernel, index), index, count};
  return kDone;
}

// As find_random_virt_addr() (arch/x86/boot/compressed/kaslr.c).  Only who enters at vmlinux decides about it.
std::uint64_t PickVirtualDelta(const BootInputs& in, KernelEntry entry) {
  const KernelFacts& kernel = in.kernel;
  if (!in.kaslr || entry != KernelEntry::kVmlinux || kernel.size == 0 || kernel.virtual_end < kernel.virtual_min ||
      kernel.virtual_end - kernel.virtual_min < kernel.size) {
    return 0;
  }
  const std::uint64_t count = (kernel.virtual_end - kernel.virtual_min - kernel.size) / kernel.alignment + 1;
  return PickIndex(in.virtual_seed, count) * kernel.alignment;
}

Status WorkingSetFull(BootPlan& plan, const Status& status) {
  if (!status.ok() && plan.problems.empty()) {
    return RefuseFull(plan, "held ranges or places in use", status.error());
  }
  return status;
}

// The map of the mode that was chosen, and a place for everything.
Status MapAndPlace(const BootInputs& in, BootPlan& plan) {
  TRY(WorkingSetFull(plan, CollectAvoid(in, plan)));
  const FenceLimits limits{.entry_budget = in.entry_budget,
                           .pinned = plan.avoid.view(),
                           .native = NativeOf(in, plan.mode),
                           .entry = plan.entry};
  if (const Status fenced = FenceMap(in.memory, in.handover.kept, limits, plan.memory, plan.closed_bytes);
      !fenced.ok()) {
    return RefuseFull(plan, "e820", fenced.error());
  }
  TRY(WorkingSetFull(plan, PlaceSegments(in, plan)));
  return PickSlot(in, plan);
}

// Hidden from a decompressor whatever its kernel speaks: it would place by the scratch array alone.
bool MustHideNative(const BootInputs& in, const BootPlan& plan) {
  const bool may_speak = plan.entry != KernelEntry::kVmlinux || in.speaks_native.value_or(true);
  return plan.mode == Mode::kFence && in.handover.native && may_speak;
}

// The kernel that is not known yet may never need the fence that does not fit: is native mode still open to it?
bool MayDoWithoutFence(const BootInputs& in, const BootPlan& plan, const Status& fenced) {
  return !fenced.ok() && fenced.error().code == Errc::kTableFull && plan.mode == Mode::kFence &&
         MayBecomeNative(in, plan.entry) && !FirstOutsideScratch(in);
}

// Once more by a fence: nothing of the first attempt but the reason stays.
void GiveUpNative(BootPlan& plan) {
  plan.mode = Mode::kFence;
  plan.why_fence = plan.problems[0];
  plan.ClearPlaces();
}

}  // namespace

std::string_view ModeName(Mode mode) {
  switch (mode) {
    case Mode::kFence:
      return "fence";
    case Mode::kNative:
      return "native";
  }
  Bug();
}

void BootPlan::Clear() {
  mode = Mode::kFence;
  entry = KernelEntry::kBzImage;
  hides_native = false;
  why_fence.reset();
  drops_efi = false;
  virtual_delta = 0;
  ClearPlaces();
}

void BootPlan::ClearPlaces() {
  memory.Clear();
  held.Clear();
  slot = Slot();
  segments.Clear();
  closed_bytes = 0;
  problems.Clear();
  avoid.Clear();
}

Status MakeBootPlan(const BootInputs& in, BootPlan& plan) {
  plan.Clear();
  TRY(CheckInputs(in, plan));
  TRY(ChooseMode(in, plan));
  Status placed = MapAndPlace(in, plan);
  if (MayDoWithoutFence(in, plan, placed)) {
    plan.ClearPlaces();
    plan.mode = Mode::kNative;
    placed = MapAndPlace(in, plan);
  } else if (!placed.ok() && plan.mode == Mode::kNative && WishOf(in.mode, in.handover) == ModeWish::kAuto) {
    GiveUpNative(plan);
    placed = MapAndPlace(in, plan);
  }
  TRY(placed);
  plan.hides_native = MustHideNative(in, plan);
  plan.virtual_delta = PickVirtualDelta(in, plan.entry);
  return kDone;
}

}  // namespace holdfast
