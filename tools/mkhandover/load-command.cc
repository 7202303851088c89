// SPDX-License-Identifier: BSD-2-Clause
// mkhandover load: the stage and a kernel for the next kexec, once more where pages move meanwhile.

#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/handover-source.h"
#include "tools/mkhandover/load-record.h"
#include "tools/mkhandover/loader.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// Huge pages move now and then; what moves all the time has a reason that a person should look for.
constexpr int kMostLoads = 3;

ExitCode LoadUntilStill(const LoadOptions& options, Output& output) {
  for (int left = kMostLoads - 1;; --left) {
    try {
      return LoadOnce(options, output);
    } catch (const PagesMoved& moved) {
      if (left == 0) {
        throw;
      }
      output.Note(Format("{}: that is done now", moved.what()));
    }
  }
}

// What is loaded would keep pages where they were: better nothing than that.
ExitCode LoadAgain(const LoadOptions& wish, Output& output) {
  if (!HasLoadRecord(wish.root)) {
    throw Failure(ExitCode::kFound, "--again: nothing was loaded with --store in this boot");
  }
  ExitCode exit = ExitCode::kFound;
  try {
    LoadOptions options = ReadLoadRecord(wish.root);
    options.again = true;
    options.store.plain = wish.store.plain;
    options.dry_run = wish.dry_run;
    options.exec = wish.exec;
    exit = LoadUntilStill(options, output);
  } catch (...) {
    if (!wish.dry_run) {
      Unload(output);
    }
    throw;
  }
  if (exit != ExitCode::kFine && !wish.dry_run) {
    Unload(output);
  }
  return exit;
}

}  // namespace

ExitCode RunLoad(const LoadOptions& options, Output& output) {
  if (options.again) {
    return LoadAgain(options, output);
  }
  if (options.kernel.empty()) {
    throw Failure(ExitCode::kUsage, "--kernel is required: see mkhandover load --help");
  }
  return LoadUntilStill(options, output);
}

}  // namespace holdfast::tool
