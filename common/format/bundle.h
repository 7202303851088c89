// SPDX-License-Identifier: BSD-2-Clause
// The bundle, decoded: views of its parts, none of them believed before its digest is.
//
// Layout: common/abi/bundle.h.

#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "common/abi/bundle.h"
#include "common/abi/stage-image.h"
#include "common/base/bounded-vector.h"
#include "common/codec/sha256.h"
#include "common/format/handover.h"

namespace holdfast {

// No part, and no part decoded, is larger: 16 GiB.
inline constexpr std::uint64_t kMaxBundlePartSize = std::uint64_t{16} << 30;

struct BundlePart {
  BundlePartKind kind{};
  BundleEncoding encoding{};
  std::uint64_t offset = 0;           // from the start of the bundle
  std::uint64_t stored_size = 0;      // as it lies there
  std::span<const std::byte> stored;  // and its bytes, if they are at hand
  std::uint64_t size = 0;             // decoded
  Digest digest{};                    // of `stored`
};

struct Bundle {
  KernelEntry entry = KernelEntry::kAuto;
  ModeWish mode = ModeWish::kAuto;
  std::uint64_t size = 0;                          // bytes, up to the end of the last part
  FixedVector<BundlePart, kMaxBundleParts> parts;  // in ascending order of offset

  std::optional<BundlePart> Find(BundlePartKind kind) const;
};

// "bundle's kernel": what a refusal calls the part.
std::string_view PartName(BundlePartKind kind);

// Does a bundle begin here?  Only the magic is looked at.
bool BeginsBundle(std::span<const std::byte> bytes);

// Where in a file a bundle lies: alone, or in a kernel image of ours that carries it (common/abi/stage-image.h).
struct BundlePlace {
  std::uint64_t offset = 0;
  std::uint64_t available = 0;  // bytes from there on that may be its
};
// `head` is the beginning of the file: kMaxBundleHeadSize bytes are enough.  kBadMagic (where: 0): it is neither;
// kMalformed (where: byte offset in the file): a place that is none in it.
inline constexpr std::size_t kMaxBundleHeadSize = kStageRecordOffset + sizeof(StageImageRecord);
Result<BundlePlace> FindBundle(std::span<const std::byte> head, std::uint64_t file_size);

// Reads the header and the part table.  `bytes` may go on behind the bundle.  The parts' own digests are not
// looked at: VerifyPart() does.  Nor are the parts: a kernel that was cut off where it is wanted whole is for
// DecodeKernelImage() to find.
// Errors (where: byte offset in the bundle, if not said otherwise): kTruncated; kBadMagic; kBadVersion (where: the
// version); kBadDigest (where: 0) of header and table; kMalformed: an entry, mode or
// encoding that is none, a part out of order, overlapping, beyond the bundle's size or of a kind that stood before,
// a size that is not the end of the last part, an empty part, stored and decoded sizes that differ without an
// encoding, a compressed part other than a vmlinux or an initrd, no kernel;
// kMisaligned (where: the part's offset); kUnsupported (where: the kind): a kind that is not known; kTooLarge (where:
// kMaxBundlePartSize): a larger size; kTableFull: more than kMaxBundleParts.
Status DecodeBundle(std::span<const std::byte> bytes, Sha256BlocksFn blocks, Bundle& out);

// The same of a bundle of which only the beginning is at hand, with header and table: kMaxBundleTableSize bytes are
// enough.  `available`: how many bytes it has, and what may follow.  The parts get no bytes.
inline constexpr std::size_t kMaxBundleTableSize =
    sizeof(StoredBundleHeader) + kMaxBundleParts * sizeof(StoredBundlePart);
Status DecodeBundleTable(std::span<const std::byte> head, std::uint64_t available, Sha256BlocksFn blocks, Bundle& out);

// kBadDigest (where: the part's offset).
Status VerifyPart(const BundlePart& part, Sha256BlocksFn blocks);

}  // namespace holdfast
