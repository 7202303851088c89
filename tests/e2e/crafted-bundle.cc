// SPDX-License-Identifier: BSD-2-Clause
// Bundles that mkhandover would not make: taken from an image, changed, and sealed again.

#include "tests/e2e/crafted-bundle.h"

#include <zstd.h>

#include <fstream>

#include "common/abi/stage-image.h"
#include "common/codec/sha256.h"
#include "tests/e2e/initramfs.h"

namespace holdfast::e2e {
namespace {

constexpr int kQuick = 1;  // zstd's level

std::uint64_t PlaceAfter(std::uint64_t offset) {
  return (offset + kBundleAlignment - 1) / kBundleAlignment * kBundleAlignment;
}

Digest DigestOf(std::span<const std::byte> bytes) { return Sha256::Of(bytes, &Sha256Blocks); }

std::size_t Checked(std::size_t zstd_result) {
  if (ZSTD_isError(zstd_result)) throw std::runtime_error(ZSTD_getErrorName(zstd_result));
  return zstd_result;
}

std::uint64_t TableEnd(const ByteVector& bundle) {
  const std::uint64_t num_parts = ReadAt<StoredBundleHeader>(bundle, 0).num_parts.value();
  return sizeof(StoredBundleHeader) + num_parts * sizeof(StoredBundlePart);
}

}  // namespace

CraftedBundle CraftedBundle::From(const std::filesystem::path& image) {
  const ByteVector file = ReadBytes(image);
  const auto record = ReadAt<StageImageRecord>(file, kStageRecordOffset);
  if (record.magic.value() != kStageRecordMagic || record.payload_offset.value() == 0) {
    throw std::runtime_error(image.string() + " carries no bundle");
  }
  const auto start = file.begin() + static_cast<std::ptrdiff_t>(record.payload_offset.value());
  const ByteVector bytes(start, start + static_cast<std::ptrdiff_t>(record.payload_size.value()));
  const auto header = ReadAt<StoredBundleHeader>(bytes, 0);
  CraftedBundle bundle{.entry = static_cast<KernelEntry>(header.entry.value()), .parts = {}};
  for (std::uint64_t at = sizeof(header); at < TableEnd(bytes); at += sizeof(StoredBundlePart)) {
    const auto part = ReadAt<StoredBundlePart>(bytes, at);
    const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(part.offset.value());
    bundle.parts.push_back({.kind = static_cast<BundlePartKind>(part.kind.value()),
                            .encoding = static_cast<BundleEncoding>(part.encoding.value()),
                            .stored = ByteVector(first, first + static_cast<std::ptrdiff_t>(part.stored_size.value())),
                            .size = part.size.value()});
  }
  return bundle;
}

CraftedPart& CraftedBundle::Part(BundlePartKind kind) {
  for (CraftedPart& part : parts) {
    if (part.kind == kind) return part;
  }
  throw std::runtime_error("the bundle has no such part");
}

ByteVector CraftedBundle::Encode() const {
  ByteVector out(sizeof(StoredBundleHeader) + parts.size() * sizeof(StoredBundlePart));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const CraftedPart& part = parts[i];
    const std::uint64_t offset = PlaceAfter(out.size());
    out.resize(offset);
    out.insert(out.end(), part.stored.begin(), part.stored.end());
    WriteAt(out, sizeof(StoredBundleHeader) + i * sizeof(StoredBundlePart),
            StoredBundlePart{.kind = Le32(static_cast<std::uint32_t>(part.kind)),
                             .encoding = Le32(static_cast<std::uint32_t>(part.encoding)),
                             .offset = Le64(offset),
                             .stored_size = Le64(part.stored.size()),
                             .size = Le64(part.size),
                             .digest = DigestOf(part.stored)});
  }
  WriteAt(out, 0,
          StoredBundleHeader{.magic = Le64(kBundleMagic),
                             .version = Le32(kBundleVersion),
                             .num_parts = Le32(static_cast<std::uint32_t>(parts.size())),
                             .size = Le64(out.size()),
                             .entry = Le32(static_cast<std::uint32_t>(entry)),
                             .mode = Le32(0),
                             .digest = {}});
  SealAgain(out);
  return out;
}

void SealAgain(ByteVector& bundle) {
  auto header = ReadAt<StoredBundleHeader>(bundle, 0);
  header.digest = {};
  WriteAt(bundle, 0, header);
  header.digest = DigestOf(std::span(bundle).first(TableEnd(bundle)));
  WriteAt(bundle, 0, header);
}

ByteVector UnpackPart(const CraftedPart& part) {
  ByteVector out(part.size);
  out.resize(Checked(ZSTD_decompress(out.data(), out.size(), part.stored.data(), part.stored.size())));
  return out;
}

void PackInto(const ByteVector& unpacked, CraftedPart& part) {
  part.encoding = BundleEncoding::kZstd;
  part.size = unpacked.size();
  part.stored.resize(ZSTD_compressBound(unpacked.size()));
  part.stored.resize(
      Checked(ZSTD_compress(part.stored.data(), part.stored.size(), unpacked.data(), unpacked.size(), kQuick)));
}

ByteVector ReadBytes(const std::filesystem::path& file) {
  const std::string text = ReadFile(file);
  const auto bytes = std::as_bytes(std::span(text));
  return ByteVector(bytes.begin(), bytes.end());
}

void WriteBytes(const std::filesystem::path& file, const ByteVector& bytes) {
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) throw std::runtime_error("cannot write " + file.string());
}

}  // namespace holdfast::e2e
