// SPDX-License-Identifier: BSD-2-Clause
// The store is changed: as a whole, or not at all.

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/store/index-file.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::string_view kDataPrefix = "data-";

// No two files may have a page in common: one of them would not be what its node says.
void RequireDisjoint(const StoreModel& model) {
  struct Owned {
    PhysRange range;
    const KeptFile* file;
  };
  std::vector<Owned> all;
  for (const KeptFile& file : model.files) {
    for (const PhysRange& run : file.KeptRuns()) {
      all.push_back({run, &file});
    }
  }
  std::sort(all.begin(), all.end(), [](const Owned& a, const Owned& b) { return a.range.start() < b.range.start(); });
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i - 1].range.Overlaps(all[i].range)) {
      throw Failure({Errc::kKeptOverlap, all[i].range.start().raw()},
                    Format("{}: {} {} is kept as {} already", ErrcName(Errc::kKeptOverlap), all[i].file->name,
                           RangeText(all[i].range), all[i - 1].file->name));
    }
  }
}

[[noreturn]] void FailForFile(const KeptNode& node, const std::string& path, const std::string& what) {
  throw Failure(ExitCode::kBadInput, Format("{}: {}: {}: mkhandover drop {}, then keep what there is of it again",
                                            node.name, Printable(path), what, node.name));
}

// Nobody else's file goes, even if somebody put one there.
bool IsDataFile(std::string_view name) {
  return name.starts_with(kDataPrefix) && name.size() > kDataPrefix.size() &&
         name.find_first_not_of("0123456789", kDataPrefix.size()) == std::string_view::npos;
}

bool NamesOwnFile(const StoreModel& model, const std::string& name) {
  return std::any_of(model.files.begin(), model.files.end(),
                     [&](const KeptFile& file) { return file.kind == StoreFileKind::kOwn && file.name == name; });
}

}  // namespace

void Store::Refresh(StoreModel& model) const {
  for (const KeptNode& node : model.nodes) {
    for (const std::uint32_t number : model.FilesOf(node)) {
      KeptFile& file = model.files[number];
      if (file.kind == StoreFileKind::kCarried) {
        continue;
      }
      const std::string path = PathOf(file);
      const std::uint64_t size = file.size();
      if (!std::filesystem::exists(path)) {
        FailForFile(node, path, "is gone");
      }
      file.runs = RunsNow(file);
      if (size != 0 && file.size() != size) {
        FailForFile(node, path, Format("was {} when it was kept and is {} now", SizeText(size), SizeText(file.size())));
      }
    }
  }
}

void Store::RequireWritable() const {
  if (!is_writable_) {
    throw Failure(ExitCode::kUsage, Format("{}: was opened for reading", choice_.folder));
  }
}

void Store::Commit(StoreModel model) {
  RequireWritable();
  Refresh(model);
  RequireDisjoint(model);
  Write(std::move(model));
}

void Store::Drop(std::string_view name) {
  RequireWritable();
  Find(name);
  StoreModel left = model();
  left.Remove(name);
  Write(std::move(left));
}

void Store::Write(StoreModel model) {
  const std::vector<std::byte> index = EncodeStore(model);
  // What could not be read again is not written.
  DecodeStore(index, "the store's new index");
  const std::string path = IndexPath();
  if (index_ == nullptr) {
    IndexFile::Create(path, page_size(), index, now_->model().sequence + 1, *pages_);
    index_ = std::make_unique<IndexFile>(path);
  } else {
    index_->Write(index, *pages_);
  }
  model.sequence = index_->sequence();
  const auto before = std::exchange(now_, std::make_shared<StoreSnapshot>(*this, std::move(model)));
  std::erase_if(earlier_, [](const auto& each) { return each.expired(); });
  earlier_.push_back(before);
  // No other ones: a save that is not finished has a file, too.
  for (const KeptFile& file : before->model().files) {
    if (file.kind == StoreFileKind::kOwn && !NamesOwnFile(now_->model(), file.name)) {
      std::error_code left;  // goes when the store is next opened for writing
      std::filesystem::remove(PathOf(file), left);
    }
  }
}

// Data files that no index names, of a save that was interrupted: nobody else has the store open.
void Store::RemoveStrays() const {
  for (const auto& entry : std::filesystem::directory_iterator(choice_.folder)) {
    const std::string name = entry.path().filename().string();
    if (IsDataFile(name) && !NamesOwnFile(model(), name)) {
      std::filesystem::remove(entry.path());
    }
  }
}

std::string Store::NewFileName() {
  for (;;) {
    last_file_ = std::max(last_file_, model().sequence) + 1;
    const std::string name = Format("{}{}", kDataPrefix, last_file_);
    if (!std::filesystem::exists(choice_.folder + "/" + name)) {
      return name;
    }
  }
}

}  // namespace holdfast::tool
