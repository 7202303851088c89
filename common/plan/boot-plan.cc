// SPDX-License-Identifier: BSD-2-Clause
// The decision.

#include "common/plan/boot-plan.h"

#include "common/plan/checks.h"
#include "common/plan/fence-map.h"
#include "common/plan/kernel-entry.h"
#include "common/plan/kernel-options.h"
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

void ChooseHowToEnter(const BootInputs& in, BootPlan& plan) {
  Problem problem;
  if (const auto entry = ChooseEntry(in.entry, in.efi, !in.handover.kept.empty(), problem); entry.ok()) {
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
  CheckScratch(in.handover, plan.problems);
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

// One node holds as much as touches: there are few of them.
Status AppendHeld(BoundedVector<PhysRange>& held, PhysRange range) {
  if (!held.empty() && held.back().end() == range.start()) {
    TRY_ASSIGN(held.back(), PhysRange::FromStartEnd(held.back().start(), range.end()));
    return kDone;
  }
  return held.Append(range);
}

// Where nothing may be put: what lies somewhere already, what is in use, and kept memory that stays RAM.
Status CollectAvoid(const BootInputs& in, BootPlan& plan) {
  for (const KeptRange& kept : in.handover.kept.view()) {
    if (kept.fence == Fence::kHeld) {
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

// What has no place yet goes as high as it can, whatever the seed, so that a place is not a matter of luck: off
// everything that lies somewhere, and off the kernel's bytes, which are still needed where they are.
Status PlaceSegments(const BootInputs& in, BootPlan& plan) {
  const std::uint64_t limit = in.kernel.limit == 0 ? kPhysLimit : in.kernel.limit;
  for (const SegmentRequest& segment : in.segments) {
    std::optional<PhysRange> place = segment.at;
    if (!place) {
      place = HighestPlace(plan.memory, plan.avoid,
                           {segment.size, segment.alignment, limit, in.kernel_at.value_or(PhysRange())});
      if (!place) {
        return Refuse(plan, {.code = Errc::kNoSlot, .where = segment.size, .what = segment.name});
      }
      TRY(plan.avoid.Add(place->RoundedOut(kPageSize)));
    }
    TRY(plan.segments.Append({segment.name, *place}));
  }
  return kDone;
}

// Random among all slots; without KASLR where the loader put the kernel if that is a slot, else the lowest.
Status PickSlot(const BootInputs& in, BootPlan& plan) {
  if (in.kernel.size == 0) {
    return kDone;  // There is no kernel yet.
  }
  const std::uint64_t count = CountSlots(plan.memory, plan.avoid, in.kernel);
  if (count == 0) {
    return Refuse(plan, {.code = Errc::kNoSlot, .where = in.kernel.size, .what = "kernel"});
  }
  std::uint64_t index = 0;
  if (in.kaslr && in.handover.policy.kaslr) {
    index = PickIndex(in.seed, count);
  } else if (in.kernel_at) {
    index = SlotIndexOf(plan.memory, plan.avoid, in.kernel, in.kernel_at->start()).value_or(0);
  }
  plan.slot = {SlotAt(plan.memory, plan.avoid, in.kernel, index), index, count};
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
  drops_efi = false;
  memory.Clear();
  held.Clear();
  slot = Slot();
  virtual_delta = 0;
  segments.Clear();
  closed_bytes = 0;
  problems.Clear();
  avoid.Clear();
}

Status MakeBootPlan(const BootInputs& in, BootPlan& plan) {
  plan.Clear();
  TRY(CheckInputs(in, plan));
  TRY(WorkingSetFull(plan, CollectAvoid(in, plan)));
  const FenceLimits limits{in.entry_budget, plan.avoid.view()};
  if (const Status fenced = FenceMap(in.memory, in.handover.kept, limits, plan.memory, plan.closed_bytes);
      !fenced.ok()) {
    return RefuseFull(plan, "e820", fenced.error());
  }
  TRY(WorkingSetFull(plan, PlaceSegments(in, plan)));
  TRY(PickSlot(in, plan));
  plan.virtual_delta = PickVirtualDelta(in, plan.entry);
  return kDone;
}

}  // namespace holdfast
