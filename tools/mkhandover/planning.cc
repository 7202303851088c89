// SPDX-License-Identifier: BSD-2-Clause
// The stage's decision, made here: MakeBootPlan() within the stage's own limits.

#include "tools/mkhandover/planning.h"

#include <algorithm>

#include "common/plan/release.h"
#include "common/plan/stage-limits.h"
#include "tools/mkhandover/failure.h"

namespace holdfast::tool {

std::unique_ptr<OwnedMap> MapWithReleased(const MemoryMap& map, const HandoverFile& file) {
  auto out = std::make_unique<OwnedMap>(std::max(map.size(), kMaxMapEntries));
  FailUnless(ReleaseMemory(map, file.handover(), out->map()), file.name());
  return out;
}

Planned::Planned(const BootInputs& in, const HandoverFile* file)
    : map_storage_(kMaxMapEntries),
      avoid_storage_(kMaxAvoided),
      plan_(std::make_unique<BootPlan>(map_storage_, avoid_storage_)) {
  FindStageProblems(in, file);
  if (!problems_.empty()) {
    return;  // The stage would not come as far as planning.
  }
  const Status status = MakeBootPlan(in, *plan_);
  problems_.assign(plan_->problems.begin(), plan_->problems.end());
  if (!status.ok() && problems_.empty()) {
    problems_.push_back({.code = status.error().code, .where = status.error().where, .what = "plan"});
  }
  if (file == nullptr) {
    return;
  }
  for (Problem& problem : problems_) {
    file->NameKept(problem);
  }
}

void Planned::FindStageProblems(const BootInputs& in, const HandoverFile* file) {
  if (file != nullptr) {
    const auto problem = file->tree() != nullptr ? FindStageProblem(*file->tree(), file->lists()) : std::nullopt;
    if (problem) {
      problems_.push_back(*problem);
      return;
    }
  }
  FixedVector<Problem, kMaxProblems> problems;
  CheckStageTables(in, problems);
  problems_.assign(problems.begin(), problems.end());
}

}  // namespace holdfast::tool
