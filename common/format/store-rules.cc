// SPDX-License-Identifier: BSD-2-Clause
// The rules that a record of the store's index keeps, by itself and behind those before it.

#include <algorithm>
#include <limits>

#include "common/format/handover-v1-layout.h"
#include "common/format/store.h"

namespace holdfast {
namespace {

constexpr std::uint32_t kPermissions = 07777;
constexpr std::uint32_t kNanoseconds = 1'000'000'000;
// What a file can have (off_t): page data, and byte data behind it.
constexpr std::uint64_t kMaxObjectSize = std::numeric_limits<std::int64_t>::max();

bool IsText(std::string_view text) { return !text.empty() && text.find('\0') == std::string_view::npos; }

// No text leads out of the folder that it is put into.
bool IsInnerPath(std::string_view path) {
  if (!IsText(path)) {
    return false;
  }
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part(path.data() + at, end - at);
    if (part.empty() || part == "." || part == "..") {
      return false;
    }
    at = end + 1;
  }
  return true;
}

bool IsDevice(StoreObjectKind kind) {
  return kind == StoreObjectKind::kCharDevice || kind == StoreObjectKind::kBlockDevice;
}

bool HasOnlyWhatItsKindHas(const StoreObject& object) {
  const bool has_pages = object.kind == StoreObjectKind::kFile || object.kind == StoreObjectKind::kStream;
  return (has_pages || object.size == 0) && (has_pages || object.byte_size == 0) &&
         object.target.empty() == (object.kind != StoreObjectKind::kSymlink) &&
         (object.kind == StoreObjectKind::kHardLink || object.link == 0) &&
         (IsDevice(object.kind) || (object.device_major == 0 && object.device_minor == 0));
}

Status CheckExtent(const StoreExtent& extent, std::uint64_t where) {
  const bool plain = extent.encoding == StoreEncoding::kPlain;
  const bool is_block = extent.size <= kMaxStoreBlock && extent.stored_size <= kMaxStoreBlock;
  if (extent.size == 0 || extent.stored_size == 0 || (plain && extent.size != extent.stored_size) ||
      (!is_block && (!plain || extent.digest))) {
    return Error{Errc::kMalformed, where};
  }
  return kDone;
}

}  // namespace

Status StoreGrammar::Take(const StoreRecord& record, std::uint64_t where) {
  switch (record.kind) {
    case StoreRecordKind::kFile:
      return TakeFile(record.file, where);
    case StoreRecordKind::kNode:
      return TakeNode(record.node, where);
    case StoreRecordKind::kObject:
      return TakeObject(record.object, where);
    case StoreRecordKind::kAttribute:
      return TakeAttribute(record.attribute, where);
    case StoreRecordKind::kExtent:
      return TakeExtent(record.extent, where);
  }
  Bug();
}

Status StoreGrammar::TakeFile(const StoreFile& file, std::uint64_t where) {
  if (file.name.size() > kMaxStorePath) {
    return Error{Errc::kTooLarge, kMaxStorePath};
  }
  if (files_left_ == 0 || !IsText(file.name) || file.runs.empty() || file.page_shift < kMinStorePageShift ||
      file.page_shift > kMaxStorePageShift) {
    return Error{Errc::kMalformed, where};
  }
  // A file of the folder is named by its name alone.
  if (file.kind == StoreFileKind::kOwn && (!IsInnerPath(file.name) || file.name.find('/') != std::string_view::npos)) {
    return Error{Errc::kMalformed, where};
  }
  const std::uint64_t page_size = std::uint64_t{1} << file.page_shift;
  std::uint64_t total = 0;
  bool follows_lost = false;
  ByteReader reader(file.runs);
  while (!reader.done()) {
    TRY_ASSIGN(const StoredRun stored, reader.Read<StoredRun>());
    TRY_ASSIGN(const PhysRange run, PhysRange::FromStartSize(PhysAddr(stored.start.value()), stored.size.value()));
    if (!IsAligned(run.start().raw(), page_size) || !IsAligned(run.size(), page_size)) {
      return Error{Errc::kMisaligned, run.start().raw()};
    }
    if (run.empty() || run.size() > kPhysLimit - total || (follows_lost && IsLostRun(run))) {
      return Error{Errc::kMalformed, where};
    }
    total += run.size();
    follows_lost = IsLostRun(run);
  }
  --files_left_;
  ++num_files_;
  return kDone;
}

Status StoreGrammar::TakeNode(const StoreNode& node, std::uint64_t where) {
  if (files_left_ != 0 || nodes_left_ == 0 || objects_left_ != 0 || !handover_v1::IsPathComponent(node.name)) {
    return Error{Errc::kMalformed, where};
  }
  --nodes_left_;
  objects_left_ = node.num_objects;
  num_objects_ = 0;
  in_object_ = false;
  return kDone;
}

Status StoreGrammar::TakeObject(const StoreObject& object, std::uint64_t where) {
  if (object.path.size() > kMaxStorePath || object.target.size() > kMaxStorePath) {
    return Error{Errc::kTooLarge, kMaxStorePath};
  }
  if (objects_left_ == 0 || !IsInnerPath(object.path) || object.target.find('\0') != std::string_view::npos ||
      !HasOnlyWhatItsKindHas(object) || (object.mode & ~kPermissions) != 0 ||
      object.modified.nanoseconds >= kNanoseconds || object.accessed.nanoseconds >= kNanoseconds ||
      object.size > kMaxObjectSize || object.byte_size > kMaxObjectSize - object.size ||
      (object.kind == StoreObjectKind::kHardLink && object.link >= num_objects_)) {
    return Error{Errc::kMalformed, where};
  }
  --objects_left_;
  ++num_objects_;
  in_object_ = true;
  has_extents_ = false;
  object_ = object;
  return kDone;
}

Status StoreGrammar::TakeAttribute(const StoreAttribute& attribute, std::uint64_t where) {
  if (attribute.name.size() > kMaxAttributeName) {
    return Error{Errc::kTooLarge, kMaxAttributeName};
  }
  if (attribute.value.size() > kMaxAttributeValue) {
    return Error{Errc::kTooLarge, kMaxAttributeValue};
  }
  if (!in_object_ || has_extents_ || !IsText(attribute.name) || object_.kind == StoreObjectKind::kHardLink) {
    return Error{Errc::kMalformed, where};
  }
  return kDone;
}

Status StoreGrammar::TakeExtent(const StoreExtent& extent, std::uint64_t where) {
  TRY(CheckExtent(extent, where));
  if (!in_object_ || extent.file >= num_files_) {
    return Error{Errc::kMalformed, where};
  }
  const bool goes_on = has_extents_ && extent.data == data_;
  const bool descends = has_extents_ && extent.data < data_;
  const std::uint64_t limit = extent.data == StoreData::kPages ? object_.size : object_.byte_size;
  if (descends || (goes_on && extent.offset < data_end_) || extent.offset > limit ||
      extent.size > limit - extent.offset) {
    return Error{Errc::kMalformed, where};
  }
  has_extents_ = true;
  data_ = extent.data;
  data_end_ = extent.offset + extent.size;
  return kDone;
}

}  // namespace holdfast
