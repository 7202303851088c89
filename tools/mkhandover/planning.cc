// SPDX-License-Identifier: BSD-2-Clause
// The stage's decision, made here: MakeBootPlan() with storage for any size of map.

#include "tools/mkhandover/planning.h"

namespace holdfast::tool {
namespace {

// A kept range splits one entry into three.
std::size_t MapCapacity(const BootInputs& in) { return in.memory.size() + 2 * in.handover.kept.size() + 16; }
std::size_t AvoidCapacity(const BootInputs& in) {
  return in.handover.kept.size() + in.segments.size() + in.in_use.size() + kMaxSegments + 16;
}

}  // namespace

Planned::Planned(const BootInputs& in, const HandoverFile& file)
    : map_storage_(MapCapacity(in)),
      avoid_storage_(AvoidCapacity(in)),
      plan_(std::make_unique<BootPlan>(map_storage_, avoid_storage_)) {
  const Status status = MakeBootPlan(in, *plan_);
  problems_.assign(plan_->problems.begin(), plan_->problems.end());
  if (!status.ok() && problems_.empty()) {
    problems_.push_back({.code = status.error().code, .where = status.error().where, .what = "plan"});
  }
  for (Problem& problem : problems_) {
    file.NameKept(problem);
  }
}

}  // namespace holdfast::tool
