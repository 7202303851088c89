// SPDX-License-Identifier: BSD-2-Clause
// mkhandover load: the stage and a kernel for the next kexec, once more where pages move meanwhile.

#include "tools/mkhandover/load-command.h"

#include "tools/mkhandover/handover-source.h"
#include "tools/mkhandover/load-record.h"
#include "tools/mkhandover/store/store-check.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// Huge pages move now and then; what moves all the time has a reason that a person should look for.
constexpr int kMostLoads = 3;

ExitCode LoadUntilStill(const LoadOptions& options, Output& output, const LoadSteps& steps) {
  for (int left = kMostLoads - 1;; --left) {
    try {
      return steps.load(options, output);
    } catch (const PagesMoved& moved) {
      if (left == 0) {
        throw;
      }
      output.Note(Format("{}: that is done now", moved.what()));
    }
  }
}

LoadOptions ReadAgain(const LoadOptions& wish) {
  LoadOptions options = ReadLoadRecord(wish.root);
  options.again = true;
  options.store.plain = wish.store.plain;
  options.dry_run = wish.dry_run;
  options.exec = wish.exec;
  return options;
}

// What is loaded would keep pages where they were: better nothing than that.  It goes first, since whoever runs this at
// shutdown has so much time and no more.
ExitCode LoadAgain(const LoadOptions& wish, Output& output, const LoadSteps& steps) {
  if (!HasLoadRecord(wish.root)) {
    throw Failure(ExitCode::kFound, "--again: nothing was loaded with --store in this boot");
  }
  if (!wish.dry_run) {
    steps.unload(output);
  }
  return LoadUntilStill(ReadAgain(wish), output, steps);
}

// Whether the store that was loaded before lies where its index says, as it did then.
bool LiesAsRecorded(const LoadOptions& wish) {
  try {
    const Store store(ReadAgain(wish).store, Store::For::kReading);
    const std::vector<FilePlace> places = PlacesOf(store);
    std::vector<KeptPiece> recorded;
    for (const FilePlace& place : places) {
      for (const PhysRange& range : place.recorded) {
        recorded.push_back({.range = range, .name = place.node, .owner = {}, .sha256 = {}});
      }
    }
    return FindMoved(places, KeptByName(recorded)).empty();
  } catch (const std::exception&) {
    return false;  // why, the load itself says
  }
}

// In the place of an earlier one, which stays loaded where nothing but the new one is wrong.
ExitCode LoadInstead(const LoadOptions& options, Output& output, const LoadSteps& steps) {
  const auto let_go = [&] {
    steps.unload(output);
    output.Warn("what was loaded before is unloaded: the store is not where it was then");
  };
  const bool stays = LiesAsRecorded(options);
  if (!stays) {
    let_go();
  }
  try {
    return LoadUntilStill(options, output, steps);
  } catch (const PagesMoved&) {
    if (stays) {
      let_go();
    }
    throw;
  } catch (const Failure&) {
    // Whoever starts it at once, and who has lost the record, has unloaded it.
    if (stays && !options.exec && HasLoadRecord(options.root)) {
      output.Warn("what was loaded before stays loaded");
    }
    throw;
  }
}

}  // namespace

ExitCode RunLoad(const LoadOptions& options, Output& output, const LoadSteps& steps) {
  if (options.again) {
    return LoadAgain(options, output, steps);
  }
  if (options.kernel.empty()) {
    throw Failure(ExitCode::kUsage, "--kernel is required: see mkhandover load --help");
  }
  if (!HasLoadRecord(options.root)) {
    return LoadUntilStill(options, output, steps);
  }
  if (!options.with_store && !options.handover.given()) {
    throw Failure(ExitCode::kFound, Format("the last load kept a store: give --store, or rm -r {} to forget it",
                                           (std::filesystem::path(options.root) / kLoadFolder).string()));
  }
  return options.with_store && !options.dry_run ? LoadInstead(options, output, steps)
                                                : LoadUntilStill(options, output, steps);
}

ExitCode RunLoad(const LoadOptions& options, Output& output) { return RunLoad(options, output, {}); }

}  // namespace holdfast::tool
