// SPDX-License-Identifier: BSD-2-Clause
// What is about to be loaded, read from files and from this machine, and where it would go.

#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/mkhandover/bundle-file.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/handover-source.h"
#include "tools/mkhandover/kexec-call.h"
#include "tools/mkhandover/machine.h"
#include "tools/mkhandover/params-block.h"
#include "tools/mkhandover/planning.h"
#include "tools/mkhandover/stage-file.h"

namespace holdfast::tool {

// In the order of the requests.
struct LoadPlaces {
  PhysRange stage;
  PhysRange bundle;
  PhysRange params;
};

class LoadPlan {
 public:
  // Reads all files.  Ends in a Failure where one of them is not what it should be.
  LoadPlan(const LoadOptions& options, Output& output);
  LoadPlan(const LoadPlan&) = delete;
  LoadPlan& operator=(const LoadPlan&) = delete;

  const StageFile& stage() const { return stage_; }
  const BuiltBundle& bundle() const { return bundle_; }
  const std::string& cmdline() const { return cmdline_; }
  // Null: nothing that is known of is kept.
  const HandoverFile* handover() const { return source_->handover(); }
  // Whether some kernel waited for a kexec when the last Plan() was made.
  bool has_loaded_kernel() const { return machine_.has_loaded_kernel; }
  bool hands_over_by_kho() const { return machine_.hands_over_by_kho; }
  bool keeps() const { return handover() != nullptr && !handover()->handover().kept.empty(); }

  // Plans with what the machine says now; reads the handover once more and compares.  `places` is where a loader has
  // put things, or null where they are still to be placed.  The result lives until the next call.
  const Planned& Plan(const LoadPlaces* places);
  // Pre: the last Plan() was ok.
  LoadPlaces places() const;

  // What kexec_load() is to be given.  Pre: the last Plan() was ok.
  std::vector<KexecSegment> Segments() const;

 private:
  void ListInUse();

  const LoadOptions& options_;
  Output& output_;
  std::filesystem::path root_;
  StageFile stage_;
  std::string cmdline_;
  std::unique_ptr<HandoverSource> source_;
  BuiltBundle bundle_;
  RngSeed seed_;
  Machine machine_;
  std::unique_ptr<ParamsBlock> params_;
  std::vector<InUse> in_use_;
  std::vector<SegmentRequest> requests_;
  std::unique_ptr<Planned> planned_;
};

}  // namespace holdfast::tool
