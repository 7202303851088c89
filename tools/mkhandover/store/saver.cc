// SPDX-License-Identifier: BSD-2-Clause
// A node that is being saved.

#include "tools/mkhandover/store/saver.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <tuple>

#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/list-memory.h"
#include "tools/mkhandover/option-values.h"
#include "tools/mkhandover/pack.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// Page data begins with a page, so that it can be mapped; what is smaller than a page is packed.
std::uint64_t AlignmentFor(StoreData data, std::uint64_t size) {
  return data == StoreData::kPages && size >= kPageSize ? kPageSize : kStoreRecordAlignment;
}

[[noreturn]] void FailForTaken(const std::string& name) {
  throw Failure(
      ExitCode::kUsage,
      Format("--name {}: something is kept under that name: drop it first, choose another, or give --add", name));
}

// The node before anything is saved to it.
KeptNode NodeFor(const std::string& name, const Store& store, const SaveOptions& options) {
  store.RequireWritable();
  if (!IsNodeName(name) || name == kStoreNodeName || name == kOwnPageName) {
    throw Failure(ExitCode::kUsage,
                  Format("--name {}: no name: up to 31 of A-Z a-z 0-9 , . _ + -, and neither {} nor {}",
                         Printable(name), kStoreNodeName, kOwnPageName));
  }
  if (!options.add && store.model().Find(name) != nullptr) {
    FailForTaken(name);
  }
  return {.name = name,
          .generation = store.generation(),
          .time_seconds = static_cast<std::uint64_t>(std::time(nullptr)),
          .fence = options.fence,
          .objects = {}};
}

}  // namespace

Saver::Saver(Store& store, const std::string& name, const SaveOptions& options, std::uint64_t capacity)
    : store_(store),
      options_(options),
      node_(NodeFor(name, store, options)),
      capacity_(capacity),
      file_name_(store.NewFileName()) {
  if (options.add) {
    for (const KeptObject& object : store.Find(name).objects) {
      taken_.insert(object.path);
    }
  }
}

Saver::~Saver() = default;

PageFile& Saver::file() {
  if (file_ == nullptr) {
    file_ = std::make_unique<PageFile>(store_.folder() + "/" + file_name_, store_.page_size(), capacity_);
  }
  return *file_;
}

std::uint32_t Saver::AddObject(KeptObject object) {
  if (taken_.contains(object.path)) {
    throw Failure(ExitCode::kUsage, Format("--name {}: {} is in it already: keep it under another name", node_.name,
                                           Printable(object.path)));
  }
  node_.objects.push_back(std::move(object));
  return static_cast<std::uint32_t>(node_.objects.size() - 1);
}

void Saver::Place(std::uint32_t object, const StoreExtent& extent) {
  const std::lock_guard lock(mutex_);
  placed_.push_back({.object = object, .extent = extent});
}

void Saver::Pack(std::uint32_t object, StoreExtent extent, std::span<const std::byte> bytes) {
  const std::vector<std::byte> packed = PackZstdBlock(bytes);
  if (packed.size() < bytes.size()) {
    extent.encoding = StoreEncoding::kZstd;
    bytes = packed;
  }
  const PageFile::Piece piece = file().Take(bytes.size(), AlignmentFor(extent.data, bytes.size()));
  std::memcpy(piece.bytes.data(), bytes.data(), bytes.size());
  extent.file_offset = piece.offset;
  extent.stored_size = bytes.size();
  extent.digest = DigestOf(piece.bytes);
  Place(object, extent);
}

void Saver::AddBlock(std::uint32_t object, StoreData data, std::uint64_t offset, std::uint64_t size, ReadFn read) {
  StoreExtent extent;
  extent.data = data;
  extent.offset = offset;
  extent.size = size;
  file();  // before any thread asks for it
  if (options_.zstd) {
    workers_.Add([this, object, extent, read = std::move(read)] {
      std::vector<std::byte> buffer(static_cast<std::size_t>(extent.size));
      read(buffer);
      Pack(object, extent, buffer);
    });
    return;
  }
  const PageFile::Piece piece = file().Take(size, AlignmentFor(data, size));
  extent.file_offset = piece.offset;
  extent.stored_size = size;
  workers_.Add([this, object, extent, piece, read = std::move(read)]() mutable {
    read(piece.bytes);
    extent.digest = DigestOf(piece.bytes);
    Place(object, extent);
  });
}

void Saver::Describe(std::uint32_t object, const std::string& path) {
  const std::string full = std::filesystem::canonical(path).string();
  const std::string folder = std::filesystem::canonical(store_.folder()).string();
  if (std::filesystem::path(full).parent_path() == folder) {
    throw Failure(ExitCode::kUsage, Format("{}: is the store's own", path));
  }
  const std::uint64_t page_size = store_.pages().PageSizeIn(std::filesystem::path(full).parent_path().string());
  // Where its pages lie is asked for when the node becomes part of the store.
  described_.push_back({.kind = StoreFileKind::kDescribed,
                        .page_shift = static_cast<unsigned>(std::countr_zero(page_size)),
                        .name = full,
                        .runs = {}});
  StoreExtent extent;
  extent.size = extent.stored_size = store_.pages().SizeOf(full);
  extent.file = static_cast<std::uint32_t>(described_.size());
  node_.objects.at(object).about.size = extent.size;
  if (!options_.digest_described) {
    Place(object, extent);
    return;
  }
  const std::shared_ptr<MappedRuns> mapped = MapFile(full, extent.size);
  KeptFile now = described_.back();
  now.runs = store_.pages().RunsOf(full);
  const std::vector<FileStretch> lost = now.Lost();
  const std::uint64_t end = extent.size;
  for (std::uint64_t offset = 0; offset < end; offset += kMaxStoreBlock) {
    extent.offset = extent.file_offset = offset;
    extent.size = extent.stored_size = std::min(kMaxStoreBlock, end - offset);
    if (FirstWithin(lost, offset, extent.size)) {
      Place(object, extent);  // Without a digest, what is left of it still comes back.
      continue;
    }
    workers_.Add([this, object, extent, mapped]() mutable {
      extent.digest = DigestOf(mapped->bytes().subspan(extent.file_offset, extent.size));
      Place(object, extent);
    });
  }
}

std::span<std::byte> Saver::MapPages(std::uint32_t object, std::uint64_t offset, std::uint64_t size) {
  const PageFile::Piece piece = file().Take(size, store_.page_size());
  StoreExtent extent;
  extent.offset = offset;
  extent.size = extent.stored_size = size;
  extent.file_offset = piece.offset;
  Place(object, extent);
  return piece.bytes;
}

// Puts files and node behind those that the model has.
void Saver::Append(StoreModel& model) {
  std::sort(placed_.begin(), placed_.end(), [](const Placed& a, const Placed& b) {
    return std::tuple(a.object, a.extent.data, a.extent.offset) < std::tuple(b.object, b.extent.data, b.extent.offset);
  });
  const auto first = static_cast<std::uint32_t>(model.files.size());
  if (file_ != nullptr) {
    const auto page_shift = static_cast<unsigned>(std::countr_zero(store_.page_size()));
    model.files.push_back({.kind = StoreFileKind::kOwn, .page_shift = page_shift, .name = file_name_, .runs = {}});
  }
  for (Placed& placed : placed_) {
    // Without a file of its own the first described one has its number.
    placed.extent.file += file_ != nullptr ? first : first - 1;
    node_.objects.at(placed.object).extents.push_back(placed.extent);
  }
  std::move(described_.begin(), described_.end(), std::back_inserter(model.files));
  AppendNode(model);
}

void Saver::AppendNode(StoreModel& model) {
  if (!options_.add) {
    if (model.Find(node_.name) != nullptr) {
      FailForTaken(node_.name);
    }
    model.nodes.push_back(std::move(node_));
    return;
  }
  store_.Find(node_.name);
  const auto node = std::find_if(model.nodes.begin(), model.nodes.end(),
                                 [this](const KeptNode& each) { return each.name == node_.name; });
  const auto first = static_cast<std::uint32_t>(node->objects.size());
  for (KeptObject& object : node_.objects) {
    object.about.link += object.about.kind == StoreObjectKind::kHardLink ? first : 0;
    node->objects.push_back(std::move(object));
  }
}

void Saver::Finish() {
  workers_.Finish();
  if (file_ != nullptr) {
    file_->Keep();
  }
  StoreModel model = store_.model();
  try {
    Append(model);
    store_.Commit(std::move(model));
  } catch (...) {
    std::error_code none;
    std::filesystem::remove(store_.folder() + "/" + file_name_, none);
    throw;
  }
}

}  // namespace holdfast::tool
