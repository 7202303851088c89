// SPDX-License-Identifier: BSD-2-Clause
// The zstd decoder: the one wrapper around libzstd.

#include "common/codec/zstd.h"

// For a context in memory that the caller gives.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <cstring>

#include "common/base/stored-int.h"

namespace holdfast {
namespace {

// The library also takes skippable frames, and built as distributions build it the formats before RFC 8878.  Nobody
// writes those here.  Less than a magic number is for the library to call truncated.
bool BeginsFrame(std::span<const std::byte> packed) {
  Le32 magic;
  if (packed.size() < sizeof(magic)) {
    return true;
  }
  std::memcpy(&magic, packed.data(), sizeof(magic));
  return magic.value() == ZSTD_MAGICNUMBER;
}

Error ErrorOf(std::size_t code, std::span<const std::byte> packed, std::span<std::byte> out) {
  switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_prefix_unknown:
      return {Errc::kBadMagic, 0};
    case ZSTD_error_dstSize_tooSmall:
      return {Errc::kTooLarge, out.size()};
    case ZSTD_error_srcSize_wrong:
      return {Errc::kTruncated, packed.size()};
    default:
      return {Errc::kMalformed, 0};
  }
}

}  // namespace

Result<std::size_t> DecodeZstd(std::span<const std::byte> packed, std::span<std::byte> out, ZstdWorkspace& workspace) {
  if (!BeginsFrame(packed)) {
    return Error{Errc::kBadMagic, 0};
  }
  const std::size_t frame_size = ZSTD_findFrameCompressedSize(packed.data(), packed.size());
  if (ZSTD_isError(frame_size) != 0) {
    return ErrorOf(frame_size, packed, out);
  }
  if (frame_size != packed.size()) {
    return Error{Errc::kMalformed, 0};
  }
  ZSTD_DCtx* const context = ZSTD_initStaticDCtx(workspace.bytes.data(), workspace.bytes.size());
  Require(context != nullptr);
  const std::size_t size = ZSTD_decompressDCtx(context, out.data(), out.size(), packed.data(), packed.size());
  if (ZSTD_isError(size) != 0) {
    return ErrorOf(size, packed, out);
  }
  return size;
}

}  // namespace holdfast
