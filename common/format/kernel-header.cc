// SPDX-License-Identifier: BSD-2-Clause
// What a bzImage says of itself: the setup header in a file or in boot_params.

#include "common/format/kernel-header.h"

#include <cstring>
#include <optional>

#include "common/base/byte-reader.h"

namespace holdfast {
namespace {

constexpr std::uint16_t kOldestVersion = 0x020c;  // xloadflags
constexpr std::uint64_t kMaxInitSize = kGiB;
constexpr std::uint64_t kMaxAlignment = kGiB;
constexpr std::uint64_t kLimitLow = std::uint64_t{1} << 32;
constexpr std::uint64_t kLimitHigh = std::uint64_t{1} << 46;  // a kernel in 4-level paging takes no higher slot
constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kDefaultSetupSects = 4;
constexpr std::uint64_t kEntry64 = 0x200;

// Where fields lie, in a bzImage and in boot_params.
constexpr std::size_t kWhereMagic = kSetupHeaderOffset + offsetof(SetupHeader, header);
constexpr std::size_t kWhereAlignment = kSetupHeaderOffset + offsetof(SetupHeader, kernel_alignment);
constexpr std::size_t kWherePrefAddress = kSetupHeaderOffset + offsetof(SetupHeader, pref_address);
constexpr std::size_t kWhereInitSize = kSetupHeaderOffset + offsetof(SetupHeader, init_size);

constexpr std::size_t kSizeWord = sizeof(Le32);
constexpr std::size_t kMinPayload = sizeof(Le32) + kSizeWord;  // a magic number, and the size

// By the first four bytes of the payload; those that a codec does not fix are masked out.
std::optional<PayloadCodec> CodecOf(std::uint32_t magic) {
  switch (magic) {
    case 0xfd2fb528:
      return PayloadCodec::kZstd;
    case 0x184c2102:
      return PayloadCodec::kLz4Legacy;
    case 0x587a37fd:
      return PayloadCodec::kXz;
    case 0x4f5a4c89:
      return PayloadCodec::kLzo;
    default:
      break;
  }
  switch (magic & 0xffffff) {
    case 0x00005d:
      return PayloadCodec::kLzma;
    case 0x685a42:
      return PayloadCodec::kBzip2;
    default:
      break;
  }
  return (magic & 0xffff) == 0x8b1f ? std::optional(PayloadCodec::kGzip) : std::nullopt;
}

}  // namespace

Result<KernelFacts> DecodeKernelFacts(const SetupHeader& header) {
  if (header.header.value() != kSetupHeaderMagic) {
    return Error{Errc::kBadMagic, kWhereMagic};
  }
  if (header.version.value() < kOldestVersion) {
    return Error{Errc::kBadVersion, header.version.value()};
  }
  const std::uint16_t xloadflags = header.xloadflags.value();
  if ((xloadflags & kXlfKernel64) == 0) {
    return Error{Errc::kUnsupported, xloadflags};
  }
  if (header.relocatable_kernel == std::byte{0}) {
    return Error{Errc::kUnsupported, 0};
  }
  const std::uint64_t init_size = header.init_size.value();
  if (init_size == 0 || init_size > kMaxInitSize) {
    return Error{Errc::kMalformed, kWhereInitSize};
  }
  const std::uint64_t alignment = header.kernel_alignment.value();
  // Not std::has_single_bit(): g++ calls its library for it.
  if ((alignment & (alignment - 1)) != 0 || alignment < kPageSize || alignment > kMaxAlignment) {
    return Error{Errc::kMalformed, kWhereAlignment};
  }
  const KernelFacts facts = {.size = AlignUp(init_size, kPageSize),
                             .alignment = alignment,
                             .min_address = header.pref_address.value(),
                             .limit = (xloadflags & kXlfCanBeLoadedAbove4G) != 0 ? kLimitHigh : kLimitLow};
  if (facts.min_address > facts.limit - facts.size) {
    return Error{Errc::kMalformed, kWherePrefAddress};
  }
  return facts;
}

Status DecodeKernelSetup(std::span<const std::byte> setup, KernelImage& out) {
  ByteReader reader(setup);
  TRY(reader.Seek(kSetupHeaderOffset));
  TRY_ASSIGN(const auto header, reader.Take(sizeof(out.header)));
  std::memcpy(&out.header, header.data(), sizeof(out.header));
  TRY_ASSIGN(out.facts, DecodeKernelFacts(out.header));
  if ((out.header.loadflags & kLoadedHigh) == std::byte{0}) {
    return Error{Errc::kUnsupported, std::to_integer<std::uint64_t>(out.header.loadflags)};
  }
  const auto setup_sects = std::to_integer<std::uint64_t>(out.header.setup_sects);
  out.protected_offset = ((setup_sects == 0 ? kDefaultSetupSects : setup_sects) + 1) * kSector;
  out.protected_size = 0;
  return reader.Seek(out.protected_offset);
}

Status DecodeKernelImage(std::span<const std::byte> file, KernelImage& out) {
  TRY(DecodeKernelSetup(file, out));
  out.protected_size = file.size() - out.protected_offset;
  // syssize may leave out what build tools append, so it is only a lower bound.
  const std::uint64_t stated = std::uint64_t{out.header.syssize.value()} * 16;
  if (out.protected_size <= kEntry64 || out.protected_size < stated) {
    return Error{Errc::kTruncated, file.size()};
  }
  if (out.protected_size > out.facts.size) {
    return Error{Errc::kMalformed, kWhereInitSize};
  }
  return kDone;
}

std::string_view PayloadCodecName(PayloadCodec codec) {
  switch (codec) {
    case PayloadCodec::kZstd:
      return "zstd";
    case PayloadCodec::kLz4Legacy:
      return "lz4";
    case PayloadCodec::kGzip:
      return "gzip";
    case PayloadCodec::kXz:
      return "xz";
    case PayloadCodec::kLzma:
      return "lzma";
    case PayloadCodec::kBzip2:
      return "bzip2";
    case PayloadCodec::kLzo:
      return "lzo";
  }
  Bug();
}

Result<KernelPayload> FindKernelPayload(std::span<const std::byte> file, const KernelImage& image) {
  const std::uint64_t offset = image.header.payload_offset.value();
  const std::uint64_t length = image.header.payload_length.value();
  if (offset == 0 || length == 0) {
    return Error{Errc::kUnsupported, 0};
  }
  ByteReader reader(file);
  TRY(reader.Seek(image.protected_offset + offset));
  TRY_ASSIGN(const std::span<const std::byte> payload, reader.Take(length));
  if (length < kMinPayload) {
    return Error{Errc::kTruncated, reader.position()};
  }
  TRY_ASSIGN(const Le32 magic, ByteReader(payload).Read<Le32>());
  const std::optional<PayloadCodec> codec = CodecOf(magic.value());
  if (!codec) {
    return Error{Errc::kUnsupported, magic.value()};
  }
  TRY_ASSIGN(const Le32 unpacked_size, ByteReader(payload.last(kSizeWord)).Read<Le32>());
  if (unpacked_size.value() > kMaxUnpackedKernel) {
    return Error{Errc::kTooLarge, unpacked_size.value()};
  }
  // A gzip file ends in its size anyway (RFC 1952, ISIZE); to the others one was appended.
  const std::size_t appended = *codec == PayloadCodec::kGzip ? 0 : kSizeWord;
  return KernelPayload{
      .codec = *codec, .packed = payload.first(payload.size() - appended), .unpacked_size = unpacked_size.value()};
}

}  // namespace holdfast
