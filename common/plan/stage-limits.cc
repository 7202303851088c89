// SPDX-License-Identifier: BSD-2-Clause
// How much the stage's tables hold.

#include "common/plan/stage-limits.h"

#include "common/format/kho.h"

namespace holdfast {

void CheckStageTables(const BootInputs& in, Problems& problems) {
  const auto check = [&problems](std::string_view table, std::size_t size, std::size_t capacity) {
    if (size > capacity) {
      NoteProblem(problems, {.code = Errc::kTableFull, .where = capacity, .what = table});
    }
  };
  check("e820 table", in.memory.size(), kMaxMapEntries);
  check("kept ranges", in.handover.kept.size(), kMaxKept);
  check("scratch ranges", in.handover.scratch.view().size(), kMaxScratchRanges);
  check("native scratch ranges", in.handover.native ? in.handover.native->scratch.size() : 0, kMaxKhoScratch);
  check("ram ranges", in.handover.ram.view().size(), kMaxRamRanges);
  check("released ranges", in.handover.released != nullptr ? in.handover.released->view().size() : 0,
        kMaxReleasedRanges);
  check("places in use", in.in_use.size(), kMaxInUse);
}

}  // namespace holdfast
