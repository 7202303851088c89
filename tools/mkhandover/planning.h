// SPDX-License-Identifier: BSD-2-Clause
// The stage's decision, made here: MakeBootPlan() within the stage's own limits.

#pragma once

#include <memory>
#include <vector>

#include "common/plan/boot-plan.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/owned-map.h"

namespace holdfast::tool {

// The map that the stage decides upon where a loader gives it `map`: what the handover releases is RAM in it.
// Pre: `file` has no problems().
std::unique_ptr<OwnedMap> MapWithReleased(const MemoryMap& map, const HandoverFile& file);

class Planned {
 public:
  // Pre: `file` has no problems(), and `in` speaks of its handover; null where there is none.
  Planned(const BootInputs& in, const HandoverFile* file);

  bool ok() const { return problems_.empty(); }
  // Names of kept ranges are in them.  The first one is what the stage would refuse for.
  const std::vector<Problem>& problems() const { return problems_; }
  // Pre: ok().
  const BootPlan& plan() const { return *plan_; }

 private:
  void FindStageProblems(const BootInputs& in, const HandoverFile* file);

  std::vector<MemEntry> map_storage_;
  std::vector<PhysRange> avoid_storage_;
  std::unique_ptr<BootPlan> plan_;
  std::vector<Problem> problems_;
};

}  // namespace holdfast::tool
