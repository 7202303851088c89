// SPDX-License-Identifier: BSD-2-Clause
// Small kernels: an ELF file of one segment, packed in every way, behind a bzImage's header.

#pragma once

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "common/abi/boot-params.h"
#include "common/format/kernel-header.h"
#include "tests/support/kernel-files.h"

namespace holdfast::tool {

using Bytes = std::vector<std::byte>;

inline constexpr std::size_t kFakeSetupSize = 2 * 512;
inline constexpr std::size_t kFakeCodeSize = 100'000;

using test::Push;

// What a kernel's payload unpacks to, without relocation tables.
inline Bytes FakeVmlinux() {
  Bytes code(kFakeCodeSize);
  for (std::size_t i = 0; i < code.size(); ++i) {
    code[i] = static_cast<std::byte>(i * i >> 7);  // neither all alike nor without any pattern
  }
  return test::TestVmlinux{.entry = test::kTestLoadAddress + 0x100,
                           .segments = {{.physical_address = test::kTestLoadAddress,
                                         .memory_size = kFakeCodeSize + 4096,
                                         .bytes = std::move(code)}},
                           .tables = {}}
      .Build();
}

namespace fake {

inline Bytes Gzip(const Bytes& in) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(in.size() + 1024);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline Bytes Bzip2(const Bytes& in) {
  Bytes out(in.size() + in.size() / 100 + 1024);
  auto size = static_cast<unsigned>(out.size());
  REQUIRE(BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(out.data()), &size,
                                   reinterpret_cast<char*>(const_cast<std::byte*>(in.data())),
                                   static_cast<unsigned>(in.size()), 9, 0, 0) == BZ_OK);
  out.resize(size);
  return out;
}

// As the kernel's build does it: the x86 filter in front of LZMA2, or no container at all.
inline Bytes Lzma(const Bytes& in, bool is_xz) {
  lzma_options_lzma options;
  REQUIRE_FALSE(lzma_lzma_preset(&options, 6));
  lzma_filter filters[] = {{LZMA_FILTER_X86, nullptr}, {LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
  lzma_stream stream = LZMA_STREAM_INIT;
  REQUIRE((is_xz ? lzma_stream_encoder(&stream, filters, LZMA_CHECK_CRC32) : lzma_alone_encoder(&stream, &options)) ==
          LZMA_OK);
  Bytes out(in.size() + in.size() / 3 + 1024);
  stream.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
  stream.avail_in = in.size();
  stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
  stream.avail_out = out.size();
  REQUIRE(lzma_code(&stream, LZMA_FINISH) == LZMA_STREAM_END);
  out.resize(stream.total_out);
  lzma_end(&stream);
  return out;
}

// Blocks of 8 MiB, as `lz4 -l` writes them.
inline Bytes Lz4Legacy(const Bytes& in) {
  constexpr std::size_t kBlock = std::size_t{8} << 20;
  Bytes out;
  Push(out, Le32(0x184c2102));
  for (std::size_t at = 0; at < in.size(); at += kBlock) {
    const std::size_t size = std::min(kBlock, in.size() - at);
    std::vector<char> packed(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(size))));
    const int written = LZ4_compress_default(reinterpret_cast<const char*>(in.data()) + at, packed.data(),
                                             static_cast<int>(size), static_cast<int>(packed.size()));
    REQUIRE(written > 0);
    Push(out, Le32(static_cast<std::uint32_t>(written)));
    const auto bytes = std::as_bytes(std::span(packed).first(static_cast<std::size_t>(written)));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

// Without a content size, as the kernel's build pipes it.
inline Bytes Zstd(const Bytes& in) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  Bytes out(ZSTD_compressBound(in.size()));
  const std::size_t size = ZSTD_compress2(context, out.data(), out.size(), in.data(), in.size());
  ZSTD_freeCCtx(context);
  REQUIRE_FALSE(ZSTD_isError(size));
  out.resize(size);
  return out;
}

}  // namespace fake

inline Bytes Pack(PayloadCodec codec, const Bytes& in) {
  switch (codec) {
    case PayloadCodec::kZstd:
      return fake::Zstd(in);
    case PayloadCodec::kLz4Legacy:
      return fake::Lz4Legacy(in);
    case PayloadCodec::kGzip:
      return fake::Gzip(in);
    case PayloadCodec::kXz:
      return fake::Lzma(in, /*is_xz=*/true);
    case PayloadCodec::kLzma:
      return fake::Lzma(in, /*is_xz=*/false);
    case PayloadCodec::kBzip2:
      return fake::Bzip2(in);
    case PayloadCodec::kLzo: {
      Bytes out;
      Push(out, Le32(0x4f5a4c89));
      Push(out, Le64(0x0a1a0d0a004f5a4c));
      return out;
    }
  }
  return {};
}

// The file of a kernel whose payload unpacks to `unpacked`.
inline Bytes FakeKernel(PayloadCodec codec, const Bytes& unpacked) {
  Bytes payload = Pack(codec, unpacked);
  if (codec != PayloadCodec::kGzip) {  // which ends in that number of its own accord
    Push(payload, Le32(static_cast<std::uint32_t>(unpacked.size())));
  }
  constexpr std::uint32_t kPayloadOffset = 0x400;
  SetupHeader header = test::DebianHeader(1);
  header.cmdline_size.Set(2047);
  header.payload_offset.Set(kPayloadOffset);
  header.payload_length.Set(static_cast<std::uint32_t>(payload.size()));
  header.pref_address.Set(test::kTestLoadAddress);
  header.init_size.Set(0x400000);
  header.syssize.Set(static_cast<std::uint32_t>((kPayloadOffset + payload.size()) / 16));
  Bytes file(kFakeSetupSize + kPayloadOffset);
  std::memcpy(file.data() + kSetupHeaderOffset, &header, sizeof(header));
  file.insert(file.end(), payload.begin(), payload.end());
  return file;
}

}  // namespace holdfast::tool
