// SPDX-License-Identifier: BSD-2-Clause
// What a bzImage says of itself: the setup header in a file or in boot_params.
//
// Source: Documentation/arch/x86/boot.rst, "Details of Header Fields".

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/abi/boot-params.h"
#include "common/mem/phys-range.h"

namespace holdfast {

// What a placement has to satisfy.
struct KernelFacts {
  std::uint64_t size = 0;         // init_size: bytes from the load address that the kernel uses before it
                                  // has read its memory map, rounded up to pages
  std::uint64_t alignment = 0;    // a power of two, at least a page
  std::uint64_t min_address = 0;  // the decompressor moves itself up to here when it is loaded below
  std::uint64_t limit = 0;        // end at or below this address
  // Virtual addresses, from kKernelMapStart on, that the image may be given at random: none where this is 0.
  std::uint64_t virtual_min = 0;
  std::uint64_t virtual_end = 0;
};

// Facts from a header.  kBadMagic: no "HdrS"; kBadVersion: older than 2.12; kUnsupported: no 64-bit entry (where:
// xloadflags), or not relocatable (where: 0); kMalformed (where: the field's offset in the file): init_size,
// alignment or pref_address that cannot be.  boot_flag and loadflags are not looked at: loaders change them.
Result<KernelFacts> DecodeKernelFacts(const SetupHeader& header);

struct KernelImage {
  KernelFacts facts;
  SetupHeader header;
  std::uint64_t protected_offset = 0;  // where the protected-mode part begins in the file
  std::uint64_t protected_size = 0;
};
static_assert(sizeof(KernelFacts) <= 64);

// Reads a bzImage file.  Also kTruncated, kUnsupported (where: loadflags) for a zImage, and kMalformed for an
// init_size below protected_size.
Status DecodeKernelImage(std::span<const std::byte> file, KernelImage& out);
// The same for a file that was cut off after its setup sectors: protected_size is 0.
Status DecodeKernelSetup(std::span<const std::byte> setup, KernelImage& out);

// How the payload of a bzImage is packed (boot.rst, payload_offset).
enum class PayloadCodec : std::uint8_t { kZstd, kLz4Legacy, kGzip, kXz, kLzma, kBzip2, kLzo };
std::string_view PayloadCodecName(PayloadCodec codec);

struct KernelPayload {
  PayloadCodec codec{};
  std::span<const std::byte> packed;  // without the size word that is appended to all but gzip
  std::uint64_t unpacked_size = 0;    // as the file states it
};
static_assert(sizeof(KernelPayload) <= 64);

// Pre: DecodeKernelImage gave `image` from this file.  kUnsupported (where: 0): no payload is named; (where: its first
// four bytes, as a little-endian number): a codec that is not known.  kTruncated: it goes beyond the file.  kTooLarge
// (where: the stated size): it says to unpack to more than kMaxUnpackedKernel.
inline constexpr std::uint64_t kMaxUnpackedKernel = kGiB;
Result<KernelPayload> FindKernelPayload(std::span<const std::byte> file, const KernelImage& image);

}  // namespace holdfast
