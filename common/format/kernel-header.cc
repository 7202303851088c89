// SPDX-License-Identifier: BSD-2-Clause
// What a bzImage says of itself: the setup header in a file or in boot_params.

#include "common/format/kernel-header.h"

#include <cstring>

#include "common/base/byte-reader.h"

namespace holdfast {
namespace {

constexpr std::uint16_t kOldestVersion = 0x020c;  // xloadflags
constexpr std::uint64_t kMaxInitSize = kGiB;
constexpr std::uint64_t kMaxAlignment = kGiB;
constexpr std::uint64_t kLimitLow = std::uint64_t{1} << 32;
constexpr std::uint64_t kLimitHigh = std::uint64_t{1} << 46;  // a kernel in 4-level paging takes no higher slot
constexpr std::byte kLoadedHigh{1};                           // loadflags
constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kDefaultSetupSects = 4;
constexpr std::uint64_t kEntry64 = 0x200;

// Where fields lie, in a bzImage and in boot_params.
constexpr std::size_t kWhereMagic = kSetupHeaderOffset + offsetof(SetupHeader, header);
constexpr std::size_t kWhereAlignment = kSetupHeaderOffset + offsetof(SetupHeader, kernel_alignment);
constexpr std::size_t kWherePrefAddress = kSetupHeaderOffset + offsetof(SetupHeader, pref_address);
constexpr std::size_t kWhereInitSize = kSetupHeaderOffset + offsetof(SetupHeader, init_size);

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

Status DecodeKernelImage(std::span<const std::byte> file, KernelImage& out) {
  ByteReader reader(file);
  TRY(reader.Seek(kSetupHeaderOffset));
  TRY_ASSIGN(const auto header, reader.Take(sizeof(out.header)));
  std::memcpy(&out.header, header.data(), sizeof(out.header));
  TRY_ASSIGN(out.facts, DecodeKernelFacts(out.header));
  if ((out.header.loadflags & kLoadedHigh) == std::byte{0}) {
    return Error{Errc::kUnsupported, std::to_integer<std::uint64_t>(out.header.loadflags)};
  }
  const auto setup_sects = std::to_integer<std::uint64_t>(out.header.setup_sects);
  out.protected_offset = ((setup_sects == 0 ? kDefaultSetupSects : setup_sects) + 1) * kSector;
  TRY(reader.Seek(out.protected_offset));
  out.protected_size = reader.remaining();
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

}  // namespace holdfast
