// SPDX-License-Identifier: BSD-2-Clause
// What a boot's report takes from its decision, whichever shell carries it out.

#pragma once

#include "common/format/boot-report.h"
#include "common/format/find-handovers.h"
#include "common/plan/boot-plan.h"

namespace holdfast {

// Who the shell is, and what it alone knows, is for it to add.  `before` is the map that was decided upon, `scratch`
// KHO's areas.  The report's lists are views of what is given here.
BootReport ReportPlan(const BootPlan& plan, const Handover& handover, const FoundHandovers& found,
                      const MemoryMap& before, const RangeSet& scratch);

}  // namespace holdfast
