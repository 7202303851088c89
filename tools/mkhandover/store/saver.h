// SPDX-License-Identifier: BSD-2-Clause
// A node that is being saved: objects and their data go in, and it becomes part of the store as a whole or not at all.

#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "tools/mkhandover/store/page-file.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/store/workers.h"

namespace holdfast::tool {

struct SaveOptions {
  bool zstd = false;
  bool digest_described = false;  // hash what is described, too
  Fence fence = Fence::kReserved;
  bool add = false;  // to the node of that name, which is there; its fence holds
};

class Saver {
 public:
  // `capacity`: bytes that may be saved, of address space.  Ends in a Failure where the name is none, or is taken, or
  // is not there to add to, and where the store was opened for reading.  Other saves may go on meanwhile.
  Saver(Store& store, const std::string& name, const SaveOptions& options, std::uint64_t capacity);
  // Discards what was not finished.
  ~Saver();
  Saver(const Saver&) = delete;
  Saver& operator=(const Saver&) = delete;

  // An object; its number.  Those of a save are counted from its first.
  std::uint32_t AddObject(KeptObject object);
  // Valid until the next one is added.
  KeptObject& object(std::uint32_t number) { return node_.objects.at(number); }

  // Gives `size` bytes of an object's data, read by `read` into kept memory, on any thread, later.
  using ReadFn = std::function<void(std::span<std::byte>)>;
  void AddBlock(std::uint32_t object, StoreData data, std::uint64_t offset, std::uint64_t size, ReadFn read);
  // The file's pages are the object's page data, and stay where they are.
  void Describe(std::uint32_t object, const std::string& path);
  // Pages of the store that are the object's page data from `offset` on, for its owner to fill.
  std::span<std::byte> MapPages(std::uint32_t object, std::uint64_t offset, std::uint64_t size);

  // Waits until all blocks so far are copied.
  void Wait() { workers_.Finish(); }
  // Waits for all data, then makes the node part of the store.  It is not to be used any more.  Ends in a Failure, with
  // nothing changed, also where another save took the name first, or the node to add to was dropped.
  void Finish();
  const Store& store() const { return store_; }

 private:
  struct Placed {
    std::uint32_t object = 0;
    StoreExtent extent;
  };
  PageFile& file();
  void Place(std::uint32_t object, const StoreExtent& extent);
  void Pack(std::uint32_t object, StoreExtent extent, std::span<const std::byte> bytes);
  void Append(StoreModel& model);
  void AppendNode(StoreModel& model);

  Store& store_;
  SaveOptions options_;
  KeptNode node_;                // with what is new of it
  std::set<std::string> taken_;  // paths of the node
  std::uint64_t capacity_;
  std::string file_name_;
  std::unique_ptr<PageFile> file_;  // once there is something to copy
  std::vector<KeptFile> described_;
  std::mutex mutex_;
  std::vector<Placed> placed_;
  Workers workers_;
};

}  // namespace holdfast::tool
