// SPDX-License-Identifier: BSD-2-Clause
// The inputs of MakeBootPlan() for a case, with the storage that they borrow.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/plan/boot-plan.h"
#include "tests/property/plan-case.h"

namespace holdfast::property {

// Used again for each case: making it anew takes longer than planning.
struct InputStorage {
  std::vector<MemEntry> memory{1 << 18};
  std::vector<KeptRange> kept{4096};
  std::vector<PhysRange> scratch{64};
  std::vector<PhysRange> ram{64};
};

class CaseInputs {
 public:
  CaseInputs(const Case& c, InputStorage& storage);

  const MemoryMap& memory() const { return memory_; }
  const PreservedMap& kept() const { return kept_; }
  // Empty where the kept ranges could be sealed; else why not.
  std::optional<Error> error() const { return error_; }
  const PreservedMap::Conflict& conflict() const { return conflict_; }

  // Pre: no error().
  BootInputs Make() const;

 private:
  const Case& case_;
  MemoryMap memory_;
  PreservedMap kept_;
  RangeSet scratch_;
  RangeSet ram_;
  Handover handover_;
  std::optional<Error> error_;
  PreservedMap::Conflict conflict_;
  std::vector<SegmentRequest> segments_;
  std::vector<InUse> in_use_;
};

PhysRange ToRange(Bytes bytes);

}  // namespace holdfast::property
