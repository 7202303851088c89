// SPDX-License-Identifier: BSD-2-Clause
// Tests of the zstd decoder, on what the library itself packs.

#include "common/codec/zstd.h"

#include <catch2/catch.hpp>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/support/random.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::CheckError;

using ByteVector = std::vector<std::byte>;

struct Packing {
  bool checksum = true;
  bool content_size = true;
  int window_log = 0;  // the library's choice
};

ByteVector Pack(const ByteVector& bytes, Packing packing = {}) {
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, packing.checksum ? 1 : 0);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, packing.content_size ? 1 : 0);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, packing.window_log);
  ByteVector packed(ZSTD_compressBound(bytes.size()));
  const std::size_t size = ZSTD_compress2(context.get(), packed.data(), packed.size(), bytes.data(), bytes.size());
  REQUIRE(ZSTD_isError(size) == 0);
  packed.resize(size);
  return packed;
}

// Bytes that can be packed, and not only to a run.
ByteVector Text(std::size_t size) {
  test::Random random(1);
  ByteVector bytes(size);
  for (std::byte& byte : bytes) {
    byte = static_cast<std::byte>('a' + random.Below(4));
  }
  return bytes;
}

Result<std::size_t> Decode(std::span<const std::byte> packed, std::span<std::byte> out) {
  const auto workspace = std::make_unique<ZstdWorkspace>();
  workspace->bytes.fill(std::byte{0xff});
  return DecodeZstd(packed, out, *workspace);
}

TEST_CASE("What was packed is unpacked", "[codec][zstd]") {
  const auto size = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{1000}, std::size_t{1} << 20);
  const auto checksum = GENERATE(true, false);
  const auto content_size = GENERATE(true, false);
  CAPTURE(size, checksum, content_size);
  const ByteVector bytes = Text(size);
  const ByteVector packed = Pack(bytes, {.checksum = checksum, .content_size = content_size});
  ByteVector out(size);
  const auto unpacked = Decode(packed, out);
  REQUIRE(unpacked.ok());
  CHECK(unpacked.value() == size);
  CHECK(out == bytes);
}

TEST_CASE("The output may be larger than what is unpacked", "[codec][zstd]") {
  const ByteVector bytes = Text(5000);
  const ByteVector packed = Pack(bytes, {.content_size = false});
  ByteVector out(8000, std::byte{0xcc});
  CHECK(Decode(packed, std::span(out).first(7000)).value() == 5000);
  CHECK(std::equal(bytes.begin(), bytes.end(), out.begin()));
  CHECK(std::all_of(out.begin() + 7000, out.end(), [](std::byte b) { return b == std::byte{0xcc}; }));
}

TEST_CASE("A window of any size needs no memory of its own", "[codec][zstd]") {
  // As large as that of Debian's kernels.
  const ByteVector bytes = Text(300000);
  const ByteVector packed = Pack(bytes, {.content_size = false, .window_log = 27});
  ByteVector out(bytes.size());
  REQUIRE(Decode(packed, out).ok());
  CHECK(out == bytes);
}

TEST_CASE("A frame that unpacks to more than fits is too large", "[codec][zstd]") {
  const auto content_size = GENERATE(true, false);
  CAPTURE(content_size);
  // A run of 64 MiB in some thousand bytes, and what cannot be packed at all.
  const ByteVector bomb = Pack(ByteVector(std::size_t{1} << 26), {.content_size = content_size});
  REQUIRE(bomb.size() < 10000);
  const ByteVector text = Text(100000);
  const ByteVector packed = Pack(text, {.content_size = content_size});
  for (const std::size_t room : {std::size_t{0}, std::size_t{1}, std::size_t{5000}, std::size_t{99999}}) {
    CAPTURE(room);
    ByteVector out(room + 64, std::byte{0xcc});
    CheckError(Decode(bomb, std::span(out).first(room)), Errc::kTooLarge, room);
    CheckError(Decode(packed, std::span(out).first(room)), Errc::kTooLarge, room);
    CHECK(std::all_of(out.end() - 64, out.end(), [](std::byte b) { return b == std::byte{0xcc}; }));
  }
}

TEST_CASE("A frame that was cut off anywhere is truncated", "[codec][zstd]") {
  const ByteVector packed = Pack(Text(1000));
  ByteVector out(1000);
  for (std::size_t size = 0; size < packed.size(); ++size) {
    const auto unpacked = Decode(std::span(packed).first(size), out);
    REQUIRE_FALSE(unpacked.ok());
    REQUIRE(unpacked.error() == Error{Errc::kTruncated, size});
  }
}

TEST_CASE("What is no frame has a bad magic", "[codec][zstd]") {
  ByteVector out(1000);
  CheckError(Decode(ByteVector(100), out), Errc::kBadMagic, 0);

  ByteVector other = Pack(Text(1000));
  other[0] ^= std::byte{1};
  CheckError(Decode(other, out), Errc::kBadMagic, 0);

  // RFC 8878, 3.1.2: a skippable frame is a frame without contents.
  ByteVector skippable(8 + 4);
  const Le32 magic(ZSTD_MAGIC_SKIPPABLE_START + 5);
  std::memcpy(skippable.data(), &magic, sizeof(magic));
  skippable[4] = std::byte{4};
  CheckError(Decode(skippable, out), Errc::kBadMagic, 0);
}

TEST_CASE("Only one frame is taken", "[codec][zstd]") {
  const ByteVector frame = Pack(Text(100));
  ByteVector out(1000);
  ByteVector two = frame;
  two.insert(two.end(), frame.begin(), frame.end());
  CheckError(Decode(two, out), Errc::kMalformed, 0);

  // As a bzImage's payload has it, with the size behind.
  ByteVector sized = frame;
  sized.push_back(std::byte{100});
  CheckError(Decode(sized, out), Errc::kMalformed, 0);
}

TEST_CASE("A frame that was changed is malformed", "[codec][zstd]") {
  const ByteVector bytes = Text(1000);
  ByteVector packed = Pack(bytes);
  ByteVector out(1000);
  SECTION("its checksum") {
    packed.back() ^= std::byte{1};
    CheckError(Decode(packed, out), Errc::kMalformed, 0);
  }
  SECTION("a frame header that uses its reserved bit") {
    packed[4] |= std::byte{0x08};
    CheckError(Decode(packed, out), Errc::kMalformed, 0);
  }
}

TEST_CASE("A frame with a changed bit gives the bytes that were packed, or none", "[codec][zstd]") {
  const ByteVector bytes = Text(1000);
  ByteVector packed = Pack(bytes);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < packed.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      packed[i] ^= static_cast<std::byte>(1U << bit);
      ByteVector out(1000);
      const auto unpacked = Decode(packed, out);
      CAPTURE(i, bit);
      REQUIRE((!unpacked.ok() || (unpacked.value() == 1000 && out == bytes)));
      refused += unpacked.ok() ? 0 : 1;
      packed[i] ^= static_cast<std::byte>(1U << bit);
    }
  }
  // Some bits mean nothing, such as the descriptor's unused one (RFC 8878, 3.1.1.1.1.3).
  CHECK(refused > packed.size() * 8 * 9 / 10);
}

TEST_CASE("A frame that wants a dictionary is malformed", "[codec][zstd]") {
  // RFC 8878, 3.1.1: magic, a descriptor with a Dictionary_ID of one byte and a single segment, 7, no bytes, and an
  // empty raw block that is the last.
  const ByteVector frame = {std::byte{0x28}, std::byte{0xb5}, std::byte{0x2f}, std::byte{0xfd}, std::byte{0x21},
                            std::byte{7},    std::byte{0},    std::byte{1},    std::byte{0},    std::byte{0}};
  ByteVector out(16);
  CheckError(Decode(frame, out), Errc::kMalformed, 0);
  ByteVector without = frame;
  without[4] = std::byte{0x20};
  without.erase(without.begin() + 5);
  CHECK(Decode(without, out).value() == 0);
}

}  // namespace
}  // namespace holdfast
