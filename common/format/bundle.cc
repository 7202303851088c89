// SPDX-License-Identifier: BSD-2-Clause
// The bundle, decoded: views of its parts, none of them believed before its digest is.

#include "common/format/bundle.h"

#include "common/base/align.h"
#include "common/base/byte-reader.h"

namespace holdfast {
namespace {

// Where the field of an entry of the part table lies in the bundle.
constexpr std::uint64_t WhereInTable(std::size_t index, std::size_t field) {
  return sizeof(StoredBundleHeader) + index * sizeof(StoredBundlePart) + field;
}

bool IsKnownKind(std::uint32_t kind) {
  return kind >= static_cast<std::uint32_t>(BundlePartKind::kKernel) &&
         kind <= static_cast<std::uint32_t>(BundlePartKind::kHandover);
}

// Command line and handover are small and wanted before there is memory to decode into.
bool MayBeCompressed(BundlePartKind kind) {
  return kind == BundlePartKind::kVmlinux || kind == BundlePartKind::kInitrd;
}

Status CheckDigest(const StoredBundleHeader& header, std::span<const std::byte> table, Sha256BlocksFn blocks) {
  StoredBundleHeader digested = header;
  digested.digest = {};
  Sha256 sha(blocks);
  sha.Update(std::as_bytes(std::span(&digested, 1)));
  sha.Update(table);
  if (sha.Finish() != header.digest) {
    return Error{Errc::kBadDigest, 0};
  }
  return kDone;
}

Status CheckHeader(const StoredBundleHeader& header) {
  if (header.entry.value() > static_cast<std::uint32_t>(KernelEntry::kEfiHandover)) {
    return Error{Errc::kMalformed, offsetof(StoredBundleHeader, entry)};
  }
  if (header.mode.value() > static_cast<std::uint32_t>(ModeWish::kNative)) {
    return Error{Errc::kMalformed, offsetof(StoredBundleHeader, mode)};
  }
  return kDone;
}

// What an entry of the table says of itself alone.
Status CheckPart(const StoredBundlePart& stored, std::size_t index) {
  if (!IsKnownKind(stored.kind.value())) {
    return Error{Errc::kUnsupported, stored.kind.value()};
  }
  const bool compressed = stored.encoding.value() == static_cast<std::uint32_t>(BundleEncoding::kZstd);
  if (stored.encoding.value() > static_cast<std::uint32_t>(BundleEncoding::kZstd) ||
      (compressed && !MayBeCompressed(static_cast<BundlePartKind>(stored.kind.value())))) {
    return Error{Errc::kMalformed, WhereInTable(index, offsetof(StoredBundlePart, encoding))};
  }
  const std::uint64_t stored_size = stored.stored_size.value();
  const std::uint64_t size = stored.size.value();
  if (stored_size > kMaxBundlePartSize || size > kMaxBundlePartSize) {
    return Error{Errc::kTooLarge, kMaxBundlePartSize};
  }
  if (stored_size == 0) {
    return Error{Errc::kMalformed, WhereInTable(index, offsetof(StoredBundlePart, stored_size))};
  }
  if (size == 0 || (!compressed && size != stored_size)) {
    return Error{Errc::kMalformed, WhereInTable(index, offsetof(StoredBundlePart, size))};
  }
  if (!IsAligned(stored.offset.value(), kBundleAlignment)) {
    return Error{Errc::kMisaligned, stored.offset.value()};
  }
  return kDone;
}

// Where the part lies in a bundle of `bundle_size` bytes.  `taken` is the end of what lies before it.
Status TakePart(const StoredBundlePart& stored, std::size_t index, std::uint64_t bundle_size, std::uint64_t taken,
                BundlePart& out) {
  TRY(CheckPart(stored, index));
  const std::uint64_t offset = stored.offset.value();
  if (offset < taken || offset > bundle_size) {
    return Error{Errc::kMalformed, WhereInTable(index, offsetof(StoredBundlePart, offset))};
  }
  if (stored.stored_size.value() > bundle_size - offset) {
    return Error{Errc::kMalformed, WhereInTable(index, offsetof(StoredBundlePart, stored_size))};
  }
  out.kind = static_cast<BundlePartKind>(stored.kind.value());
  out.encoding = static_cast<BundleEncoding>(stored.encoding.value());
  out.offset = offset;
  out.stored_size = stored.stored_size.value();
  out.size = stored.size.value();
  out.digest = stored.digest;
  return kDone;
}

Status TakeParts(ByteReader table, std::uint64_t taken, Bundle& out) {
  for (std::size_t index = 0; !table.done(); ++index) {
    TRY_ASSIGN(const StoredBundlePart stored, table.Read<StoredBundlePart>());
    BundlePart part;
    TRY(TakePart(stored, index, out.size, taken, part));
    if (out.Find(part.kind)) {
      return Error{Errc::kMalformed, WhereInTable(index, offsetof(StoredBundlePart, kind))};
    }
    TRY(out.parts.Append(part));
    taken = part.offset + part.stored_size;
  }
  if (taken != out.size) {
    return Error{Errc::kMalformed, offsetof(StoredBundleHeader, size)};
  }
  return kDone;
}

}  // namespace

std::optional<BundlePart> Bundle::Find(BundlePartKind kind) const {
  for (const BundlePart& part : parts) {
    if (part.kind == kind) {
      return part;
    }
  }
  return std::nullopt;
}

bool BeginsBundle(std::span<const std::byte> bytes) {
  const auto magic = ByteReader(bytes).Read<Le64>();
  return magic.ok() && magic.value().value() == kBundleMagic;
}

Result<BundlePlace> FindBundle(std::span<const std::byte> head, std::uint64_t file_size) {
  if (BeginsBundle(head)) {
    return BundlePlace{0, file_size};
  }
  ByteReader reader(head);
  const bool is_long = reader.Seek(kStageRecordOffset).ok();
  const auto record = reader.Read<StageImageRecord>();
  if (!is_long || !record.ok() || record.value().magic.value() != kStageRecordMagic ||
      record.value().payload_offset.value() == 0) {
    return Error{Errc::kBadMagic, 0};
  }
  const std::uint64_t offset = record.value().payload_offset.value();
  const std::uint64_t size = record.value().payload_size.value();
  if (offset < kStageHeaderSize || offset > file_size || size > file_size - offset) {
    return Error{Errc::kMalformed, kStageRecordOffset + offsetof(StageImageRecord, payload_offset)};
  }
  return BundlePlace{offset, size};
}

Status DecodeBundleTable(std::span<const std::byte> head, std::uint64_t available, Sha256BlocksFn blocks, Bundle& out) {
  ByteReader reader(head);
  TRY_ASSIGN(const StoredBundleHeader header, reader.Read<StoredBundleHeader>());
  if (header.magic.value() != kBundleMagic) {
    return Error{Errc::kBadMagic, 0};
  }
  if (header.version.value() != kBundleVersion) {
    return Error{Errc::kBadVersion, header.version.value()};
  }
  if (header.num_parts.value() > kMaxBundleParts) {
    return Error{Errc::kTableFull, kMaxBundleParts};
  }
  TRY_ASSIGN(const std::span<const std::byte> table,
             reader.Take(std::uint64_t{header.num_parts.value()} * sizeof(StoredBundlePart)));
  TRY(CheckDigest(header, table, blocks));
  TRY(CheckHeader(header));
  if (header.size.value() > available) {
    return Error{Errc::kTruncated, available};
  }

  out.entry = static_cast<KernelEntry>(header.entry.value());
  out.mode = static_cast<ModeWish>(header.mode.value());
  out.size = header.size.value();
  out.parts.Clear();
  TRY(TakeParts(ByteReader(table), reader.position(), out));
  if (!out.Find(BundlePartKind::kKernel)) {
    return Error{Errc::kMalformed, offsetof(StoredBundleHeader, num_parts)};
  }
  return kDone;
}

Status DecodeBundle(std::span<const std::byte> bytes, Sha256BlocksFn blocks, Bundle& out) {
  TRY(DecodeBundleTable(bytes, bytes.size(), blocks, out));
  for (BundlePart& part : out.parts) {
    part.stored = bytes.subspan(static_cast<std::size_t>(part.offset), static_cast<std::size_t>(part.stored_size));
  }
  return kDone;
}

Status VerifyPart(const BundlePart& part, Sha256BlocksFn blocks) {
  if (Sha256::Of(part.stored, blocks) != part.digest) {
    return Error{Errc::kBadDigest, part.offset};
  }
  return kDone;
}

std::string_view PartName(BundlePartKind kind) {
  switch (kind) {
    case BundlePartKind::kKernel:
      return "bundle's kernel";
    case BundlePartKind::kVmlinux:
      return "bundle's vmlinux";
    case BundlePartKind::kInitrd:
      return "bundle's initrd";
    case BundlePartKind::kCommandLine:
      return "bundle's command line";
    case BundlePartKind::kHandover:
      return "bundle's handover";
  }
  Bug();
}

}  // namespace holdfast
