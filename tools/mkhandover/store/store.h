// SPDX-License-Identifier: BSD-2-Clause
// The store of this machine: a folder on hugetlbfs, and what an earlier kernel left.
//
// There is one index.  Before the first `keep` of a boot it is the one that the earlier kernel left in memory, found
// through the report's handover under the name "store"; whoever changes anything writes it into the folder, with what
// was found there as carried files.

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tools/mkhandover/store/model.h"
#include "tools/mkhandover/store/page-source.h"
#include "tools/mkhandover/store/physical.h"
#include "tools/mkhandover/store/store-choice.h"

namespace holdfast::tool {

// What a handover calls the pages of the index.
inline constexpr std::string_view kStoreNodeName = "store";
// Whom it names as the owner of these and of each node's pages, so that a later store knows what it has forgotten.
inline constexpr std::string_view kStoreOwner = "mkhandover-store";

class IndexFile;
class Output;

class Store {
 public:
  enum class For { kReading, kWriting };

  // Locks the folder: many may read, one may write.  For writing the folder is made.
  Store(const StoreChoice& choice, For use);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const StoreModel& model() const { return model_; }
  const std::string& folder() const { return choice_.folder; }
  const PageSource& pages() const { return *pages_; }
  std::uint64_t page_size() const { return pages_->PageSizeIn(choice_.folder); }
  // One of the index's two roots is broken: what was saved last may be missing.
  bool has_broken_root() const { return has_broken_root_; }
  // The kexecs since cold boot, as the report says.
  std::uint32_t generation() const { return generation_; }
  // Ends in a Failure where there is no such node.
  const KeptNode& Find(std::string_view name) const;

  // Puts `model` in the place of the current one: all of it, or nothing.  Asks once more where own and described
  // files lie.  Own files that it does not name any more are removed.
  void Commit(StoreModel model);
  // Where the pages of the index file lie now, and where its root says so; none before the first Commit() of this boot.
  std::vector<PhysRange> IndexRuns() const;
  std::vector<PhysRange> RecordedIndexRuns() const;
  // Where a file's pages lie now; what is carried cannot move.
  std::vector<PhysRange> RunsNow(const KeptFile& file) const;

  // The bytes of a file, mapped when first asked for until the store goes.  May be called from several threads.
  std::span<const std::byte> BytesOf(std::uint32_t file);
  // A name for a new data file, which is not there.
  std::string NewFileName() const;
  std::string PathOf(const KeptFile& file) const;

 private:
  void Lock(For use);
  std::vector<PhysRange> ReadKept();
  void ReadCarried(const std::vector<PhysRange>& store);
  const PhysicalMemory& memory();
  void Refresh(StoreModel& model) const;
  void RemoveStrays() const;

  StoreChoice choice_;
  std::unique_ptr<PageSource> pages_;
  std::optional<Descriptor> lock_;
  std::unique_ptr<IndexFile> index_;
  StoreModel model_;
  std::uint32_t generation_ = 0;
  bool has_broken_root_ = false;
  std::string handover_name_;
  std::vector<PhysRange> kept_;  // by the handover: sorted and joined
  std::mutex mutex_;             // of what follows
  std::unique_ptr<PhysicalMemory> memory_;
  std::map<std::uint32_t, std::unique_ptr<MappedRuns>> mapped_;
  std::vector<std::unique_ptr<MappedRuns>> retired_;  // by an earlier index's numbers
};

// What of the store's state its user should know.
void WarnOf(const Store& store, Output& output);

}  // namespace holdfast::tool
