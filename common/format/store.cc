// SPDX-License-Identifier: BSD-2-Clause
// The store's index, one record after the other.

#include "common/format/store.h"

#include <algorithm>
#include <cstring>

namespace holdfast {
namespace {

std::string_view AsText(std::span<const std::byte> bytes) {
  // char may look at any object's bytes.
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What a record holds: all of it has to be taken, up to the zeros that fill it.
class RecordReader {
 public:
  RecordReader(std::span<const std::byte> body, std::uint64_t at) : reader_(body), at_(at) {}

  // Layouts may be larger than a Result may be.
  template <typename T>
  Status Read(T& out) {
    TRY_ASSIGN(const auto bytes, Bytes(sizeof(T)));
    std::memcpy(&out, bytes.data(), sizeof(T));
    return kDone;
  }
  Result<std::span<const std::byte>> Bytes(std::uint64_t size) {
    const auto out = reader_.Take(size);
    return out.ok() ? out : Result<std::span<const std::byte>>(Error{Errc::kMalformed, at_});
  }
  Result<std::string_view> Text(std::uint32_t size) {
    TRY_ASSIGN(const auto bytes, Bytes(size));
    return AsText(bytes);
  }
  Status Finish() {
    TRY_ASSIGN(const auto rest, reader_.Take(reader_.remaining()));
    if (rest.size() >= kStoreRecordAlignment ||
        std::any_of(rest.begin(), rest.end(), [](std::byte b) { return b != std::byte{0}; })) {
      return Error{Errc::kMalformed, at_};
    }
    return kDone;
  }
  Error Malformed() const { return {Errc::kMalformed, at_}; }

 private:
  ByteReader reader_;
  std::uint64_t at_;  // of the record in the index
};

Status ReadFile(RecordReader& reader, StoreFile& out) {
  StoredFile stored;
  TRY(reader.Read(stored));
  if (stored.kind.value() > static_cast<std::uint32_t>(StoreFileKind::kCarried)) {
    return Error{Errc::kUnsupported, stored.kind.value()};
  }
  out.kind = static_cast<StoreFileKind>(stored.kind.value());
  out.page_shift = stored.page_shift.value();
  TRY_ASSIGN(out.runs, reader.Bytes(std::uint64_t{stored.num_runs.value()} * sizeof(StoredRun)));
  TRY_ASSIGN(out.name, reader.Text(stored.name_size.value()));
  return kDone;
}

Status ReadNode(RecordReader& reader, StoreNode& out) {
  StoredNode stored;
  TRY(reader.Read(stored));
  if (stored.fence.value() > static_cast<std::uint32_t>(Fence::kPram)) {
    return Error{Errc::kUnsupported, stored.fence.value()};
  }
  if (stored.reserved.value() != 0) {
    return reader.Malformed();
  }
  out.generation = stored.generation.value();
  out.time_seconds = stored.time_seconds.value();
  out.fence = static_cast<Fence>(stored.fence.value());
  out.num_objects = stored.num_objects.value();
  TRY_ASSIGN(out.name, reader.Text(stored.name_size.value()));
  return kDone;
}

StoreTime TimeOf(Le64 seconds, Le32 nanoseconds) {
  return {.seconds = static_cast<std::int64_t>(seconds.value()), .nanoseconds = nanoseconds.value()};
}

Status ReadObject(RecordReader& reader, StoreObject& out) {
  StoredObject stored;
  TRY(reader.Read(stored));
  if (stored.kind.value() < static_cast<std::uint32_t>(StoreObjectKind::kFile) ||
      stored.kind.value() > static_cast<std::uint32_t>(StoreObjectKind::kStream)) {
    return Error{Errc::kUnsupported, stored.kind.value()};
  }
  if (stored.reserved.value() != 0) {
    return reader.Malformed();
  }
  out = {};
  out.kind = static_cast<StoreObjectKind>(stored.kind.value());
  out.mode = stored.mode.value();
  out.uid = stored.uid.value();
  out.gid = stored.gid.value();
  out.size = stored.size.value();
  out.byte_size = stored.byte_size.value();
  out.modified = TimeOf(stored.modified, stored.modified_ns);
  out.accessed = TimeOf(stored.accessed, stored.accessed_ns);
  out.device_major = stored.device_major.value();
  out.device_minor = stored.device_minor.value();
  out.link = stored.link.value();
  TRY_ASSIGN(out.path, reader.Text(stored.path_size.value()));
  TRY_ASSIGN(out.target, reader.Text(stored.target_size.value()));
  return kDone;
}

Status ReadAttribute(RecordReader& reader, StoreAttribute& out) {
  StoredAttribute stored;
  TRY(reader.Read(stored));
  TRY_ASSIGN(out.name, reader.Text(stored.name_size.value()));
  TRY_ASSIGN(out.value, reader.Bytes(stored.value_size.value()));
  return kDone;
}

Status ReadExtent(RecordReader& reader, StoreExtent& out) {
  StoredExtent stored;
  TRY(reader.Read(stored));
  if (stored.data.value() > static_cast<std::uint32_t>(StoreData::kBytes)) {
    return Error{Errc::kUnsupported, stored.data.value()};
  }
  if (stored.encoding.value() > static_cast<std::uint32_t>(StoreEncoding::kZstd)) {
    return Error{Errc::kUnsupported, stored.encoding.value()};
  }
  if (stored.flags.value() > kExtentHasDigest) {
    return Error{Errc::kUnsupported, stored.flags.value()};
  }
  out.data = static_cast<StoreData>(stored.data.value());
  out.encoding = static_cast<StoreEncoding>(stored.encoding.value());
  out.offset = stored.offset.value();
  out.size = stored.size.value();
  out.file = stored.file.value();
  out.file_offset = stored.file_offset.value();
  out.stored_size = stored.stored_size.value();
  out.digest.reset();
  if (stored.flags.value() == kExtentHasDigest) {
    out.digest = stored.digest;
  } else if (stored.digest != Digest{}) {
    return reader.Malformed();
  }
  return kDone;
}

Status ReadBody(RecordReader& reader, std::uint32_t kind, StoreRecord& out) {
  if (kind < static_cast<std::uint32_t>(StoreRecordKind::kFile) ||
      kind > static_cast<std::uint32_t>(StoreRecordKind::kExtent)) {
    return Error{Errc::kUnsupported, kind};
  }
  out.kind = static_cast<StoreRecordKind>(kind);
  switch (out.kind) {
    case StoreRecordKind::kFile:
      return ReadFile(reader, out.file);
    case StoreRecordKind::kNode:
      return ReadNode(reader, out.node);
    case StoreRecordKind::kObject:
      return ReadObject(reader, out.object);
    case StoreRecordKind::kAttribute:
      return ReadAttribute(reader, out.attribute);
    case StoreRecordKind::kExtent:
      return ReadExtent(reader, out.extent);
  }
  Bug();
}

}  // namespace

PhysRange StoreFile::run(std::size_t i) const {
  const auto stored = ByteReader(runs.subspan(i * sizeof(StoredRun))).Read<StoredRun>().value();
  return PhysRange::FromStartSize(PhysAddr(stored.start.value()), stored.size.value()).value();
}

std::uint64_t StoreFile::size() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < num_runs(); ++i) {
    sum += run(i).size();
  }
  return sum;
}

Status StoreIndexReader::Open(std::span<const std::byte> bytes, StoreIndexReader& out) {
  if (bytes.size() > kMaxStoreIndexSize) {
    return Error{Errc::kTooLarge, kMaxStoreIndexSize};
  }
  out.reader_ = ByteReader(bytes);
  TRY_ASSIGN(const auto header, out.reader_.Read<StoredIndexHeader>());
  if (header.magic.value() != kStoreIndexMagic) {
    return Error{Errc::kBadMagic, 0};
  }
  if (header.version.value() != kStoreVersion) {
    return Error{Errc::kBadVersion, header.version.value()};
  }
  if (header.reserved.value() != 0) {
    return Error{Errc::kMalformed, offsetof(StoredIndexHeader, reserved)};
  }
  if (header.size.value() > bytes.size()) {
    return Error{Errc::kTruncated, bytes.size()};
  }
  if (header.size.value() < bytes.size()) {
    return Error{Errc::kMalformed, offsetof(StoredIndexHeader, size)};
  }
  if (header.num_nodes.value() > kMaxStoreNodes) {
    return Error{Errc::kTableFull, kMaxStoreNodes};
  }
  out.num_files_ = header.num_files.value();
  out.num_nodes_ = header.num_nodes.value();
  out.grammar_ = StoreGrammar(out.num_files_, out.num_nodes_);
  // With no records at all, nobody asks for the next one.
  return out.done() && !out.grammar_.is_complete() ? Status(Error{Errc::kMalformed, out.reader_.position()}) : kDone;
}

Status StoreIndexReader::Next(StoreRecord& out) {
  const std::uint64_t at = reader_.position();
  TRY_ASSIGN(const auto header, reader_.Read<StoredRecordHeader>());
  const std::uint32_t size = header.size.value();
  if (size < sizeof(header) || !IsAligned(size, kStoreRecordAlignment)) {
    return Error{Errc::kMalformed, at};
  }
  TRY_ASSIGN(const auto body, reader_.Take(size - sizeof(header)));
  RecordReader reader(body, at);
  TRY(ReadBody(reader, header.kind.value(), out));
  TRY(reader.Finish());
  TRY(grammar_.Take(out, at));
  return reader_.done() && !grammar_.is_complete() ? Status(Error{Errc::kMalformed, reader_.position()}) : kDone;
}

}  // namespace holdfast
