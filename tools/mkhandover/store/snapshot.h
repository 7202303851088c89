// SPDX-License-Identifier: BSD-2-Clause
// What a store holds at one moment: whoever holds it reads by it, whatever is saved or dropped meanwhile.

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>

#include "tools/mkhandover/store/model.h"
#include "tools/mkhandover/store/physical.h"

namespace holdfast::tool {

class Store;

// Bytes may be asked for from several threads.
class StoreSnapshot {
 public:
  // `store` outlives it.
  StoreSnapshot(Store& store, StoreModel model);

  const StoreModel& model() const { return model_; }
  // Ends in a Failure where there is no such node.
  const KeptNode& Find(std::string_view name) const;

  // A file of the model, mapped when first asked for.  Where lost pages were, nothing can be read.
  std::shared_ptr<const MappedRuns> Map(std::uint32_t file) const;
  // Bytes that extents name.  kUnreadable (where: offset in the file, of the first that is known to be lost): the
  // kernel has put aside a page of them for memory failure, then or since.
  Result<std::span<const std::byte>> Read(std::uint32_t file, std::uint64_t offset, std::uint64_t size) const;
  // Maps what the store itself has of a node, so that no drop takes it away.
  void Hold(const KeptNode& node) const;

 private:
  Store& store_;
  const StoreModel model_;
  std::vector<std::vector<FileStretch>> lost_;  // of each file
  mutable std::mutex mutex_;
  mutable std::map<std::uint32_t, std::shared_ptr<const MappedRuns>> mapped_;
};

}  // namespace holdfast::tool
