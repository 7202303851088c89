// SPDX-License-Identifier: BSD-2-Clause
// What a kernel's payload unpacks to: the one wrapper around lz4, liblzma, libbz2 and zlib.

#include "tools/mkhandover/unpack.h"

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>

#include <algorithm>
#include <memory>

#include "common/base/byte-reader.h"
#include "common/base/stored-int.h"
#include "common/codec/zstd.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// A dictionary is at most as large as what it is for.
constexpr std::uint64_t kLzmaMemory = 2 * kMaxUnpackedKernel;

// Source: doc/lz4_Frame_format.md, "Legacy frame".
constexpr std::uint32_t kLz4LegacyMagic = 0x184c2102;
constexpr std::size_t kLz4LegacyBlock = std::size_t{8} << 20;

// How many bytes arrived in `out`; nothing where the input breaks the codec's rules or gives more than fits.
using Unpacked = std::optional<std::size_t>;

Unpacked UnpackZstd(std::span<const std::byte> packed, std::span<std::byte> out) {
  const auto workspace = std::make_unique<ZstdWorkspace>();
  const auto size = DecodeZstd(packed, out, *workspace);
  return size.ok() ? Unpacked(size.value()) : std::nullopt;
}

Unpacked UnpackLz4Legacy(std::span<const std::byte> packed, std::span<std::byte> out) {
  ByteReader reader(packed);
  const auto magic = reader.Read<Le32>();
  if (!magic.ok() || magic.value().value() != kLz4LegacyMagic) {
    return std::nullopt;
  }
  std::size_t used = 0;
  while (reader.remaining() != 0) {
    const auto size = reader.Read<Le32>();
    if (!size.ok()) {
      return std::nullopt;
    }
    if (size.value().value() == kLz4LegacyMagic) {  // another frame
      continue;
    }
    const auto block = reader.Take(size.value().value());
    if (!block.ok() || block.value().size() > LZ4_MAX_INPUT_SIZE) {
      return std::nullopt;
    }
    const std::size_t room = std::min(out.size() - used, kLz4LegacyBlock);
    const int written = LZ4_decompress_safe(reinterpret_cast<const char*>(block.value().data()),
                                            reinterpret_cast<char*>(out.data() + used),
                                            static_cast<int>(block.value().size()), static_cast<int>(room));
    if (written < 0) {
      return std::nullopt;
    }
    used += static_cast<std::size_t>(written);
  }
  return used;
}

// The libraries take bytes of their own type, and zlib and libbz2 only read from a pointer that is not const.
template <typename Byte>
Byte* InputOf(std::span<const std::byte> bytes) {
  return reinterpret_cast<Byte*>(const_cast<std::byte*>(bytes.data()));
}

Unpacked UnpackGzip(std::span<const std::byte> packed, std::span<std::byte> out) {
  constexpr int kGzipAlone = 16 + MAX_WBITS;
  z_stream stream{};
  if (inflateInit2(&stream, kGzipAlone) != Z_OK) {
    return std::nullopt;
  }
  stream.next_in = InputOf<Bytef>(packed);
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool ended = inflate(&stream, Z_FINISH) == Z_STREAM_END;
  const std::size_t size = stream.total_out;
  inflateEnd(&stream);
  return ended ? Unpacked(size) : std::nullopt;
}

Unpacked UnpackBzip2(std::span<const std::byte> packed, std::span<std::byte> out) {
  bz_stream stream{};
  if (BZ2_bzDecompressInit(&stream, /*verbosity=*/0, /*small=*/0) != BZ_OK) {
    return std::nullopt;
  }
  stream.next_in = InputOf<char>(packed);
  stream.avail_in = static_cast<unsigned>(packed.size());
  stream.next_out = reinterpret_cast<char*>(out.data());
  stream.avail_out = static_cast<unsigned>(out.size());
  const bool ended = BZ2_bzDecompress(&stream) == BZ_STREAM_END;
  const std::size_t size = out.size() - stream.avail_out;
  BZ2_bzDecompressEnd(&stream);
  return ended ? Unpacked(size) : std::nullopt;
}

// The file format of xz, and the older one of lzma, which has a header of 13 bytes and no check.
Unpacked UnpackLzma(bool is_xz, std::span<const std::byte> packed, std::span<std::byte> out) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if ((is_xz ? lzma_stream_decoder(&stream, kLzmaMemory, 0) : lzma_alone_decoder(&stream, kLzmaMemory)) != LZMA_OK) {
    return std::nullopt;
  }
  stream.next_in = reinterpret_cast<const std::uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
  stream.avail_out = out.size();
  const lzma_ret result = lzma_code(&stream, LZMA_FINISH);
  const std::size_t size = out.size() - stream.avail_out;
  lzma_end(&stream);
  return result == LZMA_STREAM_END ? Unpacked(size) : std::nullopt;
}

Unpacked UnpackInto(const KernelPayload& payload, std::span<std::byte> out) {
  switch (payload.codec) {
    case PayloadCodec::kZstd:
      return UnpackZstd(payload.packed, out);
    case PayloadCodec::kLz4Legacy:
      return UnpackLz4Legacy(payload.packed, out);
    case PayloadCodec::kGzip:
      return UnpackGzip(payload.packed, out);
    case PayloadCodec::kXz:
      return UnpackLzma(/*is_xz=*/true, payload.packed, out);
    case PayloadCodec::kLzma:
      return UnpackLzma(/*is_xz=*/false, payload.packed, out);
    case PayloadCodec::kBzip2:
      return UnpackBzip2(payload.packed, out);
    case PayloadCodec::kLzo:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::byte> Unpack(const KernelPayload& payload, const std::string& file) {
  if (payload.codec == PayloadCodec::kLzo) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: packed with LZO, which this program cannot unpack: use --entry bzimage", file));
  }
  std::vector<std::byte> out(payload.unpacked_size);
  const Unpacked size = UnpackInto(payload, out);
  if (!size) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: its {} payload is damaged: is the file whole?", file, PayloadCodecName(payload.codec)));
  }
  if (*size != out.size()) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: its {} payload unpacks to {} bytes where the file states {}: is the file whole?", file,
                         PayloadCodecName(payload.codec), *size, out.size()));
  }
  return out;
}

}  // namespace holdfast::tool
