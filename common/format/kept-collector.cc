// SPDX-License-Identifier: BSD-2-Clause
// From a decoder's blocks to the kept map: one handover's.

#include "common/format/kept-collector.h"

namespace holdfast {

Status KeptCollector::Add(void* self, const KeptBlock& block) {
  auto& collector = *static_cast<KeptCollector*>(self);
  if (block.kind == KeptKind::kUncertain) {
    return collector.AddUncertain(block.range);
  }
  return collector.Append(block.range, block.kind);
}

Status KeptCollector::Append(PhysRange range, KeptKind kind) {
  if (range.empty()) {
    return kDone;
  }
  if (last_ && last_->kind == kind && last_->range.end() == range.start()) {
    last_->range = PhysRange::All().From(last_->range.start()).UpTo(range.end());
    return kDone;
  }
  TRY(Flush());
  last_ = KeptRange{.range = range, .node = node_, .source = source_, .fence = fence_, .kind = kind};
  return kDone;
}

Status KeptCollector::AddUncertain(PhysRange range) {
  for (PhysRange rest = range; !rest.empty();) {
    const auto gap = memory_.FirstNot(rest, IsRam);
    TRY(AddUncertainRam(gap ? rest.UpTo(gap->range.start()) : rest));
    rest = gap ? rest.From(gap->range.end()) : PhysRange();
  }
  return kDone;
}

// Nobody preserves a page that is not RAM to its end.
Status KeptCollector::AddUncertainRam(PhysRange ram) {
  PhysRange rest = ram.RoundedIn(kPageSize);
  while (const auto hit = scratch_.FirstOverlap(rest)) {
    TRY(Append(rest.UpTo(hit->start()), KeptKind::kUncertain));
    rest = rest.From(hit->end());
  }
  return Append(rest, KeptKind::kUncertain);
}

Status KeptCollector::Flush() {
  if (last_) {
    const KeptRange kept = *last_;
    last_.reset();
    TRY(out_.Add(kept));
  }
  return kDone;
}

}  // namespace holdfast
