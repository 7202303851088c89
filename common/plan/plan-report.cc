// SPDX-License-Identifier: BSD-2-Clause
// What a boot's report takes from its decision.

#include "common/plan/plan-report.h"

#include "common/base/version.h"
#include "common/format/read-handovers.h"
#include "common/plan/kernel-entry.h"

namespace holdfast {

BootReport ReportPlan(const BootPlan& plan, const Handover& handover, const FoundHandovers& found,
                      const MemoryMap& before, const RangeSet& scratch) {
  BootReport report;
  report.version = kVersion;
  report.dialect = handover.dialect.view();
  report.generation = handover.next_generation();
  report.kept = handover.kept.view();
  report.mode = ModeName(plan.mode);
  report.entry = KernelEntryName(plan.entry);
  report.map_before = before.view();
  report.map_after = plan.memory.view();
  report.closed_bytes = plan.closed_bytes;
  report.scratch = scratch.view();
  report.kernel = plan.slot.range;
  report.slot_index = plan.slot.index;
  report.slot_count = plan.slot.count;
  report.placed = plan.segments.view();
  if (const FoundHandover* const first = FirstTree(found)) {
    report.handover_address = first->at.start();
    report.handover_digest = first->digest;
    report.handover = first->tree->bytes();
  }
  return report;
}

}  // namespace holdfast
