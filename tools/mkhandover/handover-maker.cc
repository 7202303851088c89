// SPDX-License-Identifier: BSD-2-Clause
// What goes into a handover from this machine: its record of RAM, and a store.

#include "tools/mkhandover/handover-maker.h"

#include "common/plan/stage-limits.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/map-source.h"
#include "tools/mkhandover/store/handover-nodes.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

std::filesystem::path MemmapBelow(const std::filesystem::path& root) {
  return root / std::filesystem::path(kFirmwareMemmap).relative_path();
}

}  // namespace

std::unique_ptr<ReportFile> AskForReport(const std::filesystem::path& root, Output& output) {
  try {
    return ReadReportOfThisBoot(root);
  } catch (const std::exception& failure) {
    output.Warn(Format("the report of this boot is not used: {}", failure.what()));
    return nullptr;
  }
}

std::unique_ptr<OwnedMap> MapOfThisMachine(const std::filesystem::path& root) {
  const std::filesystem::path folder = MemmapBelow(root);
  return std::filesystem::is_directory(folder) ? LayOut(ReadMemmapDirectory(folder), folder.string()) : nullptr;
}

void AddRamOf(const MemoryMap& map, Draft& draft) {
  for (const MemEntry& entry : map.view()) {
    if (IsRam(entry.type)) {
      draft.AddRam(entry.range);
    }
  }
}

void AddRamOfThisMachine(const OwnedMap* map, const ReportFile* report, Draft& draft, Output& output) {
  if (map != nullptr) {
    AddRamOf(map->map(), draft);
  } else {
    output.Note(Format("{} is not there: the handover does not say what was RAM", kFirmwareMemmap));
  }
  if (report == nullptr) {
    return;
  }
  for (const KeptRange& kept : report->report().kept) {
    draft.AddRam(kept.range);
  }
  for (const PhysRange& range : report->handover_ram()) {
    draft.AddRam(range);
  }
}

void AddStore(const Store& store, Draft& draft, Output& output) {
  const bool has_record = !draft.ram().empty();
  for (Draft::Node& node : HandoverNodesOf(store)) {
    const std::string name = node.name;
    // It was huge pages, so RAM, also where a kernel that was started without Holdfast only finds it reserved.
    for (std::size_t i = 0; has_record && i < node.ranges.size(); ++i) {
      draft.AddRam(node.ranges[i]);
    }
    if (draft.AddUnique(std::move(node)) != name) {
      throw Failure(ExitCode::kUsage, Format("--store {}: the name {} is taken by something else that is to be kept",
                                             store.folder(), name));
    }
  }
  output.Note(Format("{}: {} kept", store.folder(), CountText(store.model().nodes.size(), "node")));
}

void Finish(Draft& draft, Output& output) {
  draft.Finish();
  if (draft.still_fenced() != 0) {
    output.Warn(Format("{} that nobody keeps any more stay fenced until a cold boot: a handover releases {} at most",
                       SizeText(draft.still_fenced()), CountText(kMaxReleasedRanges, "range")));
  }
}

}  // namespace holdfast::tool
