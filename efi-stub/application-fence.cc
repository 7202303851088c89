// SPDX-License-Identifier: BSD-2-Clause
// A boot from firmware: what is kept, from the first plan to the fence.

#include <algorithm>

#include "common/plan/firmware-claims.h"
#include "common/plan/mode.h"
#include "efi-stub/application.h"
#include "efi-stub/explain.h"
#include "efi-stub/processor.h"

namespace holdfast::efi {

// Without a kernel: all but its slot.
Status Application::PlanFence() {
  EntryFacts entry;
  entry.has_efi_image = true;
  entry.has_efi_handover = true;
  KernelFacts no_kernel;
  no_kernel.limit = kPhysLimit;
  // Firmware may have taken memory for what it was asked since.
  TRY(ReadInUse());
  return MakePlan(PlanInputs(no_kernel, entry));
}

Status Application::CheckContents() {
  lost_.Clear();
  num_intact_ = num_without_digest_ = 0;
  {
    const VectorScope vectors;
    const ContentSink sink(&NoteContent, this);
    TRY(Check(problem_, holdfast::CheckContents(found_, memory_, Blocks(), sink), "kept memory"));
  }
  if (num_intact_ + num_without_digest_ + lost_.size() != 0) {
    SayLine(SayContents, num_intact_, num_without_digest_);
  }
  Mark("contents");
  return lost_.empty() ? Status(kDone) : DropLost();
}

Status Application::NoteContent(void* self, const KeptContent& content) {
  auto& application = *static_cast<Application*>(self);
  switch (content.state) {
    case ContentState::kIntact:
      ++application.num_intact_;
      return kDone;
    case ContentState::kNoDigest:
      ++application.num_without_digest_;
      return kDone;
    case ContentState::kLost:
      return application.lost_.Append(content);
  }
  Bug();
}

// The owner has said whether the rest is worth a boot.
Status Application::DropLost() {
  if (handover_->policy.on_loss == OnLoss::kRefuse) {
    const KeptContent& first = lost_[0];
    return Explain(problem_, {Errc::kContentsLost, first.first.start().raw()}, first.name, first.first);
  }
  for (std::size_t i = 0; i < lost_.size(); ++i) {
    SayLine(SayLost, lost_[i].name, lost_[i].first, lost_[i].bytes);
    lost_texts_[i] = lost_[i].name;
  }
  TRY(ReadHandovers());
  return PlanFence();
}

Status Application::Fence() {
  TRY(Claim(PlanInputs(KernelFacts(), EntryFacts())));
  TRY(fence_.HoldTrees(found_.view(), owned_.view(), problem_));
  Mark("fence");
  return kDone;
}

Status Application::Claim(const BootInputs& inputs) {
  BoundedVector<FirmwareClaim> wanted(storage_.wanted_claims);
  TRY(Check(problem_, ListFirmwareClaims(inputs, plan_, wanted), "kept memory"));
  if (MayBecomeNative(inputs, plan_.entry)) {
    ClaimAsRam(kept_, handover_->native->source, wanted.span());
  }
  const Status claimed = fence_.Claim(wanted.view(), found_.view(), problem_);
  return claimed.ok() ? claimed : NameOwner(claimed.error());
}

// Whose memory it is that could not be claimed: somebody's since the last look at firmware's map.
Status Application::NameOwner(Error error) {
  StoredMap map;
  BoundedVector<FirmwareRange> owned(storage_.owned);
  if (error != Error{Errc::kFirmware, EFI_NOT_FOUND} || !firmware_.ReadMap(storage_.firmware_map, map).ok() ||
      !CollectFirmwareRanges(map.bytes, map.descriptor_size, owned).ok()) {
    return error;
  }
  for (const FirmwareRange& range : owned) {
    const PhysRange shared = problem_.range.Intersection(range.range);
    const auto taken = ledger_.view();
    const bool is_ours =
        std::any_of(taken.begin(), taken.end(), [shared](PhysRange ours) { return ours.Contains(shared); });
    if (shared.empty() || is_ours) {
      continue;
    }
    Explain(problem_, {Errc::kOverlap, shared.start().raw()}, EfiMemoryTypeName(range.type), shared);
    if (const auto kept = kept_.FirstOverlap(shared)) {
      problem_.kept = *kept;
      NameKept(found_, problem_);
    }
    return Error{problem_.code, problem_.where};
  }
  return error;
}

Status Application::ReadInUse() {
  StoredMap stored;
  TRY(ReadOwned(stored));
  in_use_.Clear();
  TRY(Check(problem_, ListFirmwareInUse(owned_.view(), fence_.view(), in_use_), "EFI memory map"));
  for (const FoundHandover& handover : found_) {
    // The pages of other handovers are kept with the rest.
    if (handover.carrier == Carrier::kTree) {
      const InUse use{.name = "handover", .range = handover.at, .may_be_kept = true};
      TRY(Check(problem_, in_use_.Append(use), "handover", handover.at));
    }
  }
  return kDone;
}

Status Application::MakePlan(const BootInputs& inputs) {
  const Status made = MakeBootPlan(inputs, plan_);
  if (!made.ok()) {
    problem_ = plan_.problems[0];
    NameKept(found_, problem_);
  }
  return made;
}

}  // namespace holdfast::efi
