// SPDX-License-Identifier: BSD-2-Clause
// What a store holds at one moment.

#include "tools/mkhandover/store/snapshot.h"

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/memory-failure.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {

StoreSnapshot::StoreSnapshot(Store& store, StoreModel model) : store_(store), model_(std::move(model)) {
  for (const KeptFile& file : model_.files) {
    lost_.push_back(file.Lost());
  }
}

const KeptNode& StoreSnapshot::Find(std::string_view name) const {
  const KeptNode* const node = model_.Find(name);
  if (node == nullptr) {
    throw Failure(ExitCode::kFound,
                  Format("{}: nothing is kept under that name: mkhandover list shows what is", Printable(name)));
  }
  return *node;
}

std::shared_ptr<const MappedRuns> StoreSnapshot::Map(std::uint32_t file) const {
  const std::lock_guard lock(mutex_);
  auto& mapped = mapped_[file];
  if (mapped == nullptr) {
    mapped = store_.Map(model_.files.at(file));
  }
  return mapped;
}

Result<std::span<const std::byte>> StoreSnapshot::Read(std::uint32_t file, std::uint64_t offset,
                                                       std::uint64_t size) const {
  if (const auto lost = FirstWithin(lost_.at(file), offset, size)) {
    return Error{Errc::kUnreadable, *lost};
  }
  const auto bytes = Map(file)->bytes().subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
  if (model_.files[file].kind != StoreFileKind::kCarried && !CanBeRead(bytes)) {
    return Error{Errc::kUnreadable, offset};
  }
  return bytes;
}

void StoreSnapshot::Hold(const KeptNode& node) const {
  for (const std::uint32_t file : model_.FilesOf(node)) {
    if (model_.files[file].kind == StoreFileKind::kOwn) {
      Map(file);
    }
  }
}

}  // namespace holdfast::tool
