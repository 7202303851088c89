// SPDX-License-Identifier: BSD-2-Clause
// The store's index, put together: nothing that the reader would refuse.

#include <algorithm>
#include <cstring>

#include "common/format/store.h"

namespace holdfast {
namespace {

template <typename T>
std::span<const std::byte> BytesOf(const T& stored) {
  return std::as_bytes(std::span(&stored, 1));
}

Le64 Signed(std::int64_t value) { return Le64(static_cast<std::uint64_t>(value)); }

// Sizes are checked against their limits before they are narrowed.
Le32 Size(std::size_t size) { return Le32(static_cast<std::uint32_t>(size)); }

}  // namespace

Status StoreIndexWriter::Begin(std::span<std::byte> storage, std::uint32_t num_files, std::uint32_t num_nodes,
                               StoreIndexWriter& out) {
  if (num_nodes > kMaxStoreNodes) {
    return Error{Errc::kTableFull, kMaxStoreNodes};
  }
  if (storage.size() < sizeof(StoredIndexHeader)) {
    return Error{Errc::kTableFull, storage.size()};
  }
  out.storage_ = storage.first(std::min<std::size_t>(storage.size(), kMaxStoreIndexSize));
  out.size_ = sizeof(StoredIndexHeader);
  out.num_files_ = num_files;
  out.num_nodes_ = num_nodes;
  out.grammar_ = StoreGrammar(num_files, num_nodes);
  return kDone;
}

// A head, two texts behind it, and zeros up to a multiple of the alignment.
Status StoreIndexWriter::Write(StoreRecordKind kind, std::span<const std::byte> head, std::span<const std::byte> first,
                               std::span<const std::byte> second) {
  const std::uint64_t bytes = sizeof(StoredRecordHeader) + head.size() + first.size() + second.size();
  const std::uint64_t size = AlignUp(bytes, kStoreRecordAlignment);
  if (size > storage_.size() - size_) {
    return Error{Errc::kTableFull, storage_.size()};
  }
  const StoredRecordHeader header{.kind = Le32(static_cast<std::uint32_t>(kind)),
                                  .size = Le32(static_cast<std::uint32_t>(size))};
  std::byte* at = storage_.data() + size_;
  for (const std::span<const std::byte> part : {BytesOf(header), head, first, second}) {
    at = std::copy(part.begin(), part.end(), at);
  }
  std::fill_n(at, size - bytes, std::byte{0});
  size_ += static_cast<std::size_t>(size);
  return kDone;
}

Status StoreIndexWriter::AddFile(const StoreFile& file) {
  TRY(grammar_.Take({.kind = StoreRecordKind::kFile, .file = file}, size_));
  const StoredFile stored{.kind = Le32(static_cast<std::uint32_t>(file.kind)),
                          .page_shift = Le32(file.page_shift),
                          .num_runs = Size(file.num_runs()),
                          .name_size = Size(file.name.size())};
  return Write(StoreRecordKind::kFile, BytesOf(stored), file.runs, std::as_bytes(std::span(file.name)));
}

Status StoreIndexWriter::AddNode(const StoreNode& node) {
  TRY(grammar_.Take({.kind = StoreRecordKind::kNode, .node = node}, size_));
  const StoredNode stored{.generation = Le64(node.generation),
                          .time_seconds = Le64(node.time_seconds),
                          .fence = Le32(static_cast<std::uint32_t>(node.fence)),
                          .num_objects = Le32(node.num_objects),
                          .name_size = Size(node.name.size()),
                          .reserved = {}};
  return Write(StoreRecordKind::kNode, BytesOf(stored), std::as_bytes(std::span(node.name)), {});
}

Status StoreIndexWriter::AddObject(const StoreObject& object) {
  TRY(grammar_.Take({.kind = StoreRecordKind::kObject, .object = object}, size_));
  const StoredObject stored{.kind = Le32(static_cast<std::uint32_t>(object.kind)),
                            .mode = Le32(object.mode),
                            .uid = Le32(object.uid),
                            .gid = Le32(object.gid),
                            .size = Le64(object.size),
                            .byte_size = Le64(object.byte_size),
                            .modified = Signed(object.modified.seconds),
                            .accessed = Signed(object.accessed.seconds),
                            .modified_ns = Le32(object.modified.nanoseconds),
                            .accessed_ns = Le32(object.accessed.nanoseconds),
                            .device_major = Le32(object.device_major),
                            .device_minor = Le32(object.device_minor),
                            .link = Le32(object.link),
                            .path_size = Size(object.path.size()),
                            .target_size = Size(object.target.size()),
                            .reserved = {}};
  return Write(StoreRecordKind::kObject, BytesOf(stored), std::as_bytes(std::span(object.path)),
               std::as_bytes(std::span(object.target)));
}

Status StoreIndexWriter::AddAttribute(const StoreAttribute& attribute) {
  TRY(grammar_.Take({.kind = StoreRecordKind::kAttribute, .attribute = attribute}, size_));
  const StoredAttribute stored{.name_size = Size(attribute.name.size()), .value_size = Size(attribute.value.size())};
  return Write(StoreRecordKind::kAttribute, BytesOf(stored), std::as_bytes(std::span(attribute.name)), attribute.value);
}

Status StoreIndexWriter::AddExtent(const StoreExtent& extent) {
  TRY(grammar_.Take({.kind = StoreRecordKind::kExtent, .extent = extent}, size_));
  const StoredExtent stored{.data = Le32(static_cast<std::uint32_t>(extent.data)),
                            .encoding = Le32(static_cast<std::uint32_t>(extent.encoding)),
                            .offset = Le64(extent.offset),
                            .size = Le64(extent.size),
                            .file = Le32(extent.file),
                            .flags = Le32(extent.digest ? kExtentHasDigest : 0),
                            .file_offset = Le64(extent.file_offset),
                            .stored_size = Le64(extent.stored_size),
                            .digest = extent.digest.value_or(Digest{})};
  return Write(StoreRecordKind::kExtent, BytesOf(stored), {}, {});
}

Result<std::span<const std::byte>> StoreIndexWriter::Finish() {
  if (!grammar_.is_complete()) {
    return Error{Errc::kMalformed, size_};
  }
  const StoredIndexHeader header{.magic = Le64(kStoreIndexMagic),
                                 .version = Le32(kStoreVersion),
                                 .reserved = {},
                                 .size = Le64(size_),
                                 .num_files = Le32(num_files_),
                                 .num_nodes = Le32(num_nodes_)};
  std::memcpy(storage_.data(), &header, sizeof(header));
  return std::span<const std::byte>(storage_.first(size_));
}

}  // namespace holdfast
