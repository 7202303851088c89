// SPDX-License-Identifier: BSD-2-Clause
// Bundles: put together, and read again.

#include "tools/mkhandover/bundle-file.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/base/align.h"
#include "common/plan/kernel-entry.h"
#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/kernel-file.h"
#include "tools/mkhandover/pack.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::uint64_t kInitrdAlignment = 4;

// Files, and what they were packed to, until they are in the bundle.
class PieceList {
 public:
  void Borrow(BundlePartKind kind, std::span<const std::byte> bytes) {
    pieces_.push_back({.kind = kind, .stored = bytes, .size = bytes.size()});
  }
  void Own(BundlePartKind kind, std::vector<std::byte> bytes) { Borrow(kind, owned_.emplace_back(std::move(bytes))); }
  void OwnPacked(BundlePartKind kind, std::vector<std::byte> packed, std::uint64_t size) {
    Own(kind, std::move(packed));
    pieces_.back().encoding = BundleEncoding::kZstd;
    pieces_.back().size = size;
  }
  std::span<const BundlePiece> view() const { return pieces_; }

 private:
  // Moving a vector leaves its bytes where they are.
  std::vector<std::vector<std::byte>> owned_;
  std::vector<BundlePiece> pieces_;
};

// The stage unpacks zstd alone.  Of a kernel that is packed otherwise it gets the vmlinux, and then needs no more of
// the bzImage than its header.
bool IsCutOff(const UnpackedKernel* unpacked) { return unpacked != nullptr && unpacked->codec != PayloadCodec::kZstd; }

void AddKernel(const KernelFile& kernel, const UnpackedKernel* unpacked, PieceList& pieces) {
  if (!IsCutOff(unpacked)) {
    pieces.Borrow(BundlePartKind::kKernel, kernel.bytes());
    return;
  }
  pieces.Borrow(BundlePartKind::kKernel, kernel.setup());
  pieces.OwnPacked(BundlePartKind::kVmlinux, PackZstd(unpacked->bytes), unpacked->bytes.size());
}

void AddInitrds(std::span<const std::string> paths, bool compress, PieceList& pieces) {
  std::vector<std::byte> initrd = ReadInitrds(paths);
  if (compress) {
    std::vector<std::byte> packed = PackZstd(initrd);
    if (packed.size() < initrd.size()) {
      pieces.OwnPacked(BundlePartKind::kInitrd, std::move(packed), initrd.size());
      return;
    }
  }
  pieces.Own(BundlePartKind::kInitrd, std::move(initrd));
}

std::uint64_t PlaceAfter(std::uint64_t offset) { return AlignUp(offset, kBundleAlignment); }

void CopyTo(std::span<std::byte> out, std::uint64_t offset, std::span<const std::byte> bytes) {
  std::memcpy(out.subspan(offset, bytes.size()).data(), bytes.data(), bytes.size());
}

template <typename T>
std::span<const std::byte> BytesOf(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace

void CheckCommandLine(std::string_view cmdline) {
  if (cmdline.size() > kMaxCommandLine) {
    throw Failure(ExitCode::kUsage, Format("the command line has {} bytes; a kernel takes {}: shorten it",
                                           cmdline.size(), kMaxCommandLine));
  }
  if (cmdline.find('\0') != std::string_view::npos || cmdline.find('\n') != std::string_view::npos) {
    throw Failure(ExitCode::kUsage, "the command line has a NUL or a newline in it: give it as one line");
  }
}

std::string_view BundlePartName(BundlePartKind kind) {
  switch (kind) {
    case BundlePartKind::kKernel:
      return "kernel";
    case BundlePartKind::kVmlinux:
      return "vmlinux";
    case BundlePartKind::kInitrd:
      return "initrd";
    case BundlePartKind::kCommandLine:
      return "cmdline";
    case BundlePartKind::kHandover:
      return "handover";
  }
  return "unknown";
}

std::string_view BundleEncodingName(BundleEncoding encoding) {
  return encoding == BundleEncoding::kZstd ? "zstd" : "stored";
}

std::vector<std::byte> EncodeBundle(KernelEntry entry, ModeWish mode, std::span<const BundlePiece> pieces) {
  std::vector<StoredBundlePart> table;
  std::uint64_t end = sizeof(StoredBundleHeader) + pieces.size() * sizeof(StoredBundlePart);
  for (const BundlePiece& piece : pieces) {
    const std::uint64_t offset = PlaceAfter(end);
    table.push_back({.kind = Le32(static_cast<std::uint32_t>(piece.kind)),
                     .encoding = Le32(static_cast<std::uint32_t>(piece.encoding)),
                     .offset = Le64(offset),
                     .stored_size = Le64(piece.stored.size()),
                     .size = Le64(piece.size),
                     .digest = DigestOf(piece.stored)});
    end = offset + piece.stored.size();
  }
  std::vector<std::byte> out(end);
  StoredBundleHeader header{.magic = Le64(kBundleMagic),
                            .version = Le32(kBundleVersion),
                            .num_parts = Le32(static_cast<std::uint32_t>(pieces.size())),
                            .size = Le64(end),
                            .entry = Le32(static_cast<std::uint32_t>(entry)),
                            .mode = Le32(static_cast<std::uint32_t>(mode)),
                            .digest = {}};
  const std::span<const std::byte> table_bytes = std::as_bytes(std::span(table));
  CopyTo(out, 0, BytesOf(header));
  CopyTo(out, sizeof(header), table_bytes);
  header.digest = DigestOf(std::span(out).first(sizeof(header) + table_bytes.size()));
  CopyTo(out, 0, BytesOf(header));
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    CopyTo(out, table[i].offset.value(), pieces[i].stored);
  }
  return out;
}

void ReadBundle(std::span<const std::byte> bytes, const std::string& name, Bundle& out) {
  FailUnless(DecodeBundle(bytes, &Sha256Blocks, out), name);
  for (const BundlePart& part : out.parts) {
    if (DigestOf(part.stored) != part.digest) {
      FailToDecode(Format("{}: {}", name, BundlePartName(part.kind)), {Errc::kBadDigest, part.offset});
    }
  }
}

std::vector<std::byte> ReadInitrds(std::span<const std::string> paths) {
  std::vector<std::byte> out;
  for (const std::string& path : paths) {
    const std::vector<std::byte> initrd = ReadNonEmpty(path, "--initrd");
    out.resize(AlignUp(out.size(), kInitrdAlignment));
    out.insert(out.end(), initrd.begin(), initrd.end());
  }
  return out;
}

BuiltBundle BuildBundle(const BundleRequest& request, Output& output) {
  CheckCommandLine(request.cmdline);
  const KernelFile kernel(request.kernel);
  const auto unpacked = UnpackFor(request.entry, kernel, output);
  PieceList pieces;
  AddKernel(kernel, unpacked.get(), pieces);
  if (!request.initrds.empty()) {
    AddInitrds(request.initrds, request.compress, pieces);
  }
  if (!request.cmdline.empty()) {
    pieces.Borrow(BundlePartKind::kCommandLine, AsBytes(request.cmdline));
  }
  if (!request.handover.empty()) {
    pieces.Borrow(BundlePartKind::kHandover, request.handover);
  }
  const KernelEntry entry = unpacked ? request.entry : KernelEntry::kBzImage;
  BuiltBundle out{.bytes = {},
                  .facts = FactsFor(kernel, unpacked.get()),
                  .entry_facts = EntryFactsFor(entry, kernel, unpacked.get()),
                  .entry = unpacked ? KernelEntry::kVmlinux : KernelEntry::kBzImage};
  out.entry_facts.has_bzimage = !IsCutOff(unpacked.get());
  // What is not understood here will not be there, so the stage need not try.
  out.bytes = EncodeBundle(entry, request.mode, pieces.view());
  Bundle check;
  ReadBundle(out.bytes, "the bundle that was made", check);
  return out;
}

Json JsonParts(const Bundle& bundle) {
  Json out = Json::array();
  for (const BundlePart& part : bundle.parts) {
    out.push_back({{"kind", BundlePartName(part.kind)},
                   {"encoding", BundleEncodingName(part.encoding)},
                   {"offset", part.offset},
                   {"stored_size", part.stored.size()},
                   {"size", part.size},
                   {"sha256", HexDigits(part.digest)}});
  }
  return out;
}

void PrintParts(const Bundle& bundle, Output& output) {
  for (const BundlePart& part : bundle.parts) {
    const std::string packed =
        part.encoding == BundleEncoding::kStored
            ? std::string()
            : Format(", {} in {}", SizeText(part.stored.size()), BundleEncodingName(part.encoding));
    output.Line(
        Format("  {:<10} at {:<10} {}{}", BundlePartName(part.kind), Hex(part.offset), SizeText(part.size), packed));
  }
}

}  // namespace holdfast::tool
