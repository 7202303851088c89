// SPDX-License-Identifier: BSD-2-Clause
// The store of this machine: a folder on hugetlbfs, and what an earlier kernel left.
//
// There is one index.  Before the first `keep` of a boot it is the one that the earlier kernel left in memory, found
// through the report's handover under the name "store"; whoever changes anything writes it into the folder, with what
// was found there as carried files.

#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tools/mkhandover/list-memory.h"
#include "tools/mkhandover/store/model.h"
#include "tools/mkhandover/store/page-source.h"
#include "tools/mkhandover/store/physical.h"
#include "tools/mkhandover/store/snapshot.h"
#include "tools/mkhandover/store/store-choice.h"

namespace holdfast::tool {

class IndexFile;
class Output;

class Store {
 public:
  enum class For { kReading, kWriting };

  // Locks the folder: many may read, one may write.  For writing the folder is made; while it is not there, those who
  // read hold a lock on its parent.
  Store(const StoreChoice& choice, For use);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Valid until something is saved or dropped; a snapshot until nobody holds it.
  const StoreModel& model() const { return now_->model(); }
  std::shared_ptr<const StoreSnapshot> snapshot() const { return now_; }
  const std::string& folder() const { return choice_.folder; }
  const PageSource& pages() const { return *pages_; }
  std::uint64_t page_size() const { return pages_->PageSizeIn(choice_.folder); }
  // One of the index's two roots is broken: what was saved last may be missing.
  bool has_broken_root() const { return has_broken_root_; }
  // The kexecs since cold boot, as the report says.
  std::uint32_t generation() const { return generation_; }
  // Ends in a Failure where there is no such node.
  const KeptNode& Find(std::string_view name) const { return now_->Find(name); }

  // Ends in a Failure where the store was opened for reading.
  void RequireWritable() const;
  // Puts `model` in the place of the current one: all of it, or nothing.  Asks once more where own and described
  // files lie.  Own files that it does not name any more are removed.
  void Commit(StoreModel model);
  // What was kept for the store on the way into this kernel and no file names any more, neither of the model nor of a
  // snapshot that somebody holds.  With it the pages of the index that came along, once there is a newer one and
  // nothing else that came along is left.  Sorted and joined.
  std::vector<PhysRange> Forgotten() const;
  // Not a folder of files that plays this machine's memory.
  bool has_real_memory() const { return !choice_.memory; }
  // Forgets a node: all of it, or nothing.  Where other files lie does not matter, so that one that is gone does not
  // keep it from going.
  void Drop(std::string_view name);
  // Where the pages of the index file lie now, and where its root says so; none before the first Commit() of this boot.
  std::vector<PhysRange> IndexRuns() const;
  std::vector<PhysRange> RecordedIndexRuns() const;
  // Where its index lay in this boot or on the way into it: what else has an index there is this store, too.
  std::vector<PhysRange> IndexPlaces() const;
  // Where a file's pages lie now; what is carried cannot move.
  std::vector<PhysRange> RunsNow(const KeptFile& file) const;

  // May be called from several threads.
  std::unique_ptr<MappedRuns> Map(const KeptFile& file);
  // A name for a new data file, which none had while this store was open.
  std::string NewFileName();
  std::string PathOf(const KeptFile& file) const;

 private:
  std::string IndexPath() const { return choice_.folder + "/index"; }
  void MakeFolder() const;
  void Lock(For use);
  void ReadKept();
  void RequireNoOther(std::span<const PhysRange> index) const;
  StoreModel ReadCarried();
  const PhysicalMemory& memory();
  void Refresh(StoreModel& model) const;
  void Write(StoreModel model);
  void RemoveStrays() const;

  StoreChoice choice_;
  std::unique_ptr<PageSource> pages_;
  std::optional<Descriptor> lock_;
  std::unique_ptr<IndexFile> index_;
  std::shared_ptr<const StoreSnapshot> now_;
  std::vector<std::weak_ptr<const StoreSnapshot>> earlier_;  // than `now_`, of those that somebody may hold
  bool is_writable_;
  std::uint64_t last_file_ = 0;  // number of the last new data file
  std::uint32_t generation_ = 0;
  bool has_broken_root_ = false;
  std::string handover_name_;
  std::vector<PhysRange> kept_;           // by the handover: sorted and joined
  std::vector<PhysRange> kept_for_us_;    // of it, what has a store as its owner
  std::vector<PhysRange> carried_index_;  // of that, what has the index's name
  std::mutex mutex_;                      // of what follows
  std::unique_ptr<PhysicalMemory> memory_;
};

// What of the store's state its user should know.
void WarnOf(const Store& store, Output& output);
// Files with pages that the kernel has put aside for memory failure, a line each: what is handed over is without them.
void WarnOfLost(const Store& store, Output& output);

}  // namespace holdfast::tool
