// SPDX-License-Identifier: BSD-2-Clause
// The store's roots: which index counts, and where it lies.

#include <algorithm>
#include <cstring>

#include "common/format/store.h"

namespace holdfast {
namespace {

std::uint64_t IndexFileSize(const StoreRoot& root) { return std::uint64_t{root.pages.size()} << root.page_shift; }

Digest DigestOfRoot(std::span<const std::byte> page, StoredStoreRoot header, Sha256BlocksFn blocks) {
  header.digest = {};
  Sha256 sha(blocks);
  sha.Update(std::as_bytes(std::span(&header, 1)));
  sha.Update(page.subspan(sizeof(header)));
  return sha.Finish();
}

Status CheckIndexPlace(const StoreRoot& root) {
  if (root.index_size > kMaxStoreIndexSize) {
    return Error{Errc::kTooLarge, kMaxStoreIndexSize};
  }
  const std::uint64_t size = IndexFileSize(root);
  if (root.index_offset < kStoreRootsSize || root.index_offset > size ||
      !IsAligned(root.index_offset, kStoreRecordAlignment)) {
    return Error{Errc::kMalformed, offsetof(StoredStoreRoot, index_offset)};
  }
  if (root.index_size == 0 || root.index_size > size - root.index_offset) {
    return Error{Errc::kMalformed, offsetof(StoredStoreRoot, index_size)};
  }
  return kDone;
}

Status ReadPages(ByteReader reader, std::size_t num_pages, StoreRoot& out) {
  const std::uint64_t page_size = std::uint64_t{1} << out.page_shift;
  out.pages.Clear();
  for (std::size_t i = 0; i < num_pages; ++i) {
    TRY_ASSIGN(const auto stored, reader.Read<Le64>());
    const PhysAddr start(stored.value());
    TRY(PhysRange::FromStartSize(start, page_size));
    if (!IsAligned(start.raw(), page_size)) {
      return Error{Errc::kMisaligned, start.raw()};
    }
    TRY(out.pages.Append(start));
  }
  const std::size_t at = sizeof(StoredStoreRoot) + reader.position();
  TRY_ASSIGN(const auto rest, reader.Take(reader.remaining()));
  if (std::any_of(rest.begin(), rest.end(), [](std::byte b) { return b != std::byte{0}; })) {
    return Error{Errc::kMalformed, at};
  }
  return kDone;
}

}  // namespace

bool BeginsStoreRoot(std::span<const std::byte> bytes) {
  const auto magic = ByteReader(bytes).Read<Le64>();
  return magic.ok() && magic.value().value() == kStoreRootMagic;
}

Status DecodeStoreRoot(std::span<const std::byte> bytes, Sha256BlocksFn blocks, StoreRoot& out) {
  ByteReader reader(bytes);
  TRY_ASSIGN(const std::span<const std::byte> page, reader.Take(kStoreRootSize));
  StoredStoreRoot header;  // larger than a Result may be
  std::memcpy(&header, page.data(), sizeof(header));
  if (header.magic.value() != kStoreRootMagic) {
    return Error{Errc::kBadMagic, 0};
  }
  if (header.version.value() != kStoreVersion) {
    return Error{Errc::kBadVersion, header.version.value()};
  }
  if (DigestOfRoot(page, header, blocks) != header.digest) {
    return Error{Errc::kBadDigest, 0};
  }
  out.page_shift = header.page_shift.value();
  if (out.page_shift < kMinStorePageShift || out.page_shift > kMaxStorePageShift) {
    return Error{Errc::kMalformed, offsetof(StoredStoreRoot, page_shift)};
  }
  if (header.num_pages.value() == 0 || header.num_pages.value() > kMaxStoreIndexPages) {
    return Error{Errc::kMalformed, offsetof(StoredStoreRoot, num_pages)};
  }
  out.slot = header.slot.value();
  if (out.slot >= kNumStoreRoots) {
    return Error{Errc::kMalformed, offsetof(StoredStoreRoot, slot)};
  }
  out.sequence = header.sequence.value();
  out.index_offset = header.index_offset.value();
  out.index_size = header.index_size.value();
  out.index_digest = header.index_digest;
  TRY(ReadPages(ByteReader(page.subspan(sizeof(header))), header.num_pages.value(), out));
  return CheckIndexPlace(out);
}

Status ChooseStoreRoot(std::span<const std::byte> roots, Sha256BlocksFn blocks, StoreRoot& out) {
  if (roots.size() < kStoreRootsSize) {
    return Error{Errc::kTruncated, roots.size()};
  }
  Status first_error = kDone;
  int best = -1;
  std::uint64_t sequence = 0;
  for (std::uint32_t slot = 0; slot < kNumStoreRoots; ++slot) {
    Status status = DecodeStoreRoot(roots.subspan(slot * kStoreRootSize), blocks, out);
    if (status.ok() && out.slot != slot) {
      status = Error{Errc::kMalformed, slot * kStoreRootSize + offsetof(StoredStoreRoot, slot)};
    }
    if (!status.ok()) {
      // A newer version's store is not one that is broken.
      if (first_error.ok() || status.error().code == Errc::kBadVersion) {
        first_error = status;
      }
      continue;
    }
    if (best >= 0 && out.sequence == sequence) {
      return Error{Errc::kMalformed, slot * kStoreRootSize + offsetof(StoredStoreRoot, sequence)};
    }
    if (best < 0 || out.sequence > sequence) {
      best = static_cast<int>(slot);
      sequence = out.sequence;
    }
  }
  // Nor may an older index be taken for the current one where the newer root is of a version that is not known.
  if (!first_error.ok() && (best < 0 || first_error.error().code == Errc::kBadVersion)) {
    return first_error;
  }
  TRY(DecodeStoreRoot(roots.subspan(static_cast<std::size_t>(best) * kStoreRootSize), blocks, out));
  out.other_is_broken = !first_error.ok() && first_error.error().code != Errc::kBadMagic;
  return kDone;
}

void EncodeStoreRoot(const StoreRoot& root, std::span<std::byte> out) {
  Require(out.size() == kStoreRootSize && root.pages.size() <= kMaxStoreIndexPages);
  std::fill(out.begin(), out.end(), std::byte{0});
  StoredStoreRoot header{.magic = Le64(kStoreRootMagic),
                         .version = Le32(kStoreVersion),
                         .page_shift = Le32(root.page_shift),
                         .sequence = Le64(root.sequence),
                         .index_offset = Le64(root.index_offset),
                         .index_size = Le64(root.index_size),
                         .index_digest = root.index_digest,
                         .num_pages = Le32(static_cast<std::uint32_t>(root.pages.size())),
                         .slot = Le32(root.slot),
                         .digest = {}};
  std::size_t at = sizeof(header);
  for (const PhysAddr page : root.pages) {
    const Le64 stored(page.raw());
    std::memcpy(out.data() + at, &stored, sizeof(stored));
    at += sizeof(stored);
  }
  header.digest = DigestOfRoot(out, header, &Sha256Blocks);
  std::memcpy(out.data(), &header, sizeof(header));
}

Status VerifyStoreIndex(const StoreRoot& root, std::span<const std::byte> index, Sha256BlocksFn blocks) {
  if (index.size() != root.index_size) {
    return Error{Errc::kTruncated, index.size()};
  }
  if (Sha256::Of(index, blocks) != root.index_digest) {
    return Error{Errc::kBadDigest, root.index_offset};
  }
  return kDone;
}

}  // namespace holdfast
