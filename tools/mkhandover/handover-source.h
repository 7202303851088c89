// SPDX-License-Identifier: BSD-2-Clause
// Where `load` gets its handover from: a file, a store, or the report of this boot.

#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "common/mem/phys-range.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/handover-file.h"

namespace holdfast::tool {

// Pages of the store have moved since the handover was made: another one will do.
class PagesMoved : public Failure {
 public:
  explicit PagesMoved(const std::string& message) : Failure(ExitCode::kFound, message) {}
};

class HandoverSource {
 public:
  virtual ~HandoverSource() = default;

  // A tree of ours, without a problem; null where nothing that is known of is kept.
  const HandoverFile* handover() const { return handover_.get(); }
  // What of it goes into the bundle: empty where the stage finds it in memory, or where there is none.
  virtual std::span<const std::byte> for_bundle() const = 0;
  // Asks for all that can have changed once more.  Ends in a Failure where the handover is not what it was, or does not
  // keep its own pages; in PagesMoved where it would be right if it were made anew.
  virtual void CheckAgain() const = 0;

 protected:
  explicit HandoverSource(std::unique_ptr<HandoverFile> handover) : handover_(std::move(handover)) {}

 private:
  std::unique_ptr<HandoverFile> handover_;
};

// As the options say: the store, which is locked until the source goes; the file; or what holdfast= on the command line
// names, of which this boot's report has a copy.  Warns of handovers on the command line that cannot be read, and of
// what was kept until now and is in no store.  `root` stands for "/".
std::unique_ptr<HandoverSource> FindHandoverSource(const LoadOptions& options, const std::string& cmdline,
                                                   const std::filesystem::path& root, Output& output);

// What the handover file's own pages are if it lies on hugetlbfs must be among what it keeps: pages of another
// kind, and of a file that was written anew, are somewhere else by the time of the jump.  Ends in a Failure.
void CheckOwnPages(std::span<const PhysRange> pages, const HandoverFile& handover);

}  // namespace holdfast::tool
