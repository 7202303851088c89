// SPDX-License-Identifier: BSD-2-Clause
// Payloads of kernels, packed in every way.

#include "tools/mkhandover/unpack.h"

#include <catch2/catch.hpp>

#include "tests/tool/fake-kernel.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/pack.h"

namespace holdfast::tool {
namespace {

constexpr PayloadCodec kUnpackable[] = {PayloadCodec::kZstd, PayloadCodec::kLz4Legacy, PayloadCodec::kGzip,
                                        PayloadCodec::kXz,   PayloadCodec::kLzma,      PayloadCodec::kBzip2};

std::string MessageOf(const KernelPayload& payload) {
  try {
    Unpack(payload, "kernel");
  } catch (const Failure& failure) {
    CHECK(failure.code() == ExitCode::kBadInput);
    return failure.what();
  }
  return "no failure";
}

// More than one block of LZ4.
Bytes LargeText() {
  Bytes out(std::size_t{9} << 20);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::byte>(i >> 12);
  }
  return out;
}

TEST_CASE("Each codec gives back what was packed", "[tool][unpack]") {
  const Bytes original = FakeVmlinux();
  for (const PayloadCodec codec : kUnpackable) {
    CAPTURE(PayloadCodecName(codec));
    const Bytes packed = Pack(codec, original);
    CHECK(Unpack({codec, packed, original.size()}, "kernel") == original);
  }
}

TEST_CASE("Several blocks are one payload", "[tool][unpack]") {
  const Bytes original = LargeText();
  const Bytes packed = Pack(PayloadCodec::kLz4Legacy, original);
  CHECK(Unpack({PayloadCodec::kLz4Legacy, packed, original.size()}, "kernel") == original);
}

TEST_CASE("A payload that is cut off or of another size is refused", "[tool][unpack]") {
  const Bytes original = FakeVmlinux();
  for (const PayloadCodec codec : kUnpackable) {
    CAPTURE(PayloadCodecName(codec));
    const Bytes packed = Pack(codec, original);
    const std::string name(PayloadCodecName(codec));
    const std::span<const std::byte> half(packed.data(), packed.size() / 2);
    CHECK(MessageOf({codec, half, original.size()}) ==
          "kernel: its " + name + " payload is damaged: is the file whole?");
    CHECK(MessageOf({codec, packed, original.size() - 1}) ==
          "kernel: its " + name + " payload is damaged: is the file whole?");
    CHECK(MessageOf({codec, packed, original.size() + 1}) ==
          "kernel: its " + name + " payload unpacks to " + std::to_string(original.size()) +
              " bytes where the file states " + std::to_string(original.size() + 1) + ": is the file whole?");
  }
}

TEST_CASE("What is damaged inside is refused by a codec that can see it", "[tool][unpack]") {
  const Bytes original = FakeVmlinux();
  // LZ4 and LZMA without a container have no checksum.
  for (const PayloadCodec codec : {PayloadCodec::kZstd, PayloadCodec::kGzip, PayloadCodec::kXz, PayloadCodec::kBzip2}) {
    CAPTURE(PayloadCodecName(codec));
    Bytes packed = Pack(codec, original);
    packed[packed.size() / 2] ^= std::byte{0x10};
    CHECK_THROWS_AS(Unpack({codec, packed, original.size()}, "kernel"), Failure);
  }
}

TEST_CASE("LZO is refused by its name", "[tool][unpack]") {
  CHECK(MessageOf({PayloadCodec::kLzo, {}, 10}) ==
        "kernel: packed with LZO, which this program cannot unpack: use --entry bzimage");
}

TEST_CASE("What the tool packs is one frame that the stage's decoder takes", "[tool][pack]") {
  const Bytes original = LargeText();
  const Bytes packed = PackZstd(original);
  CHECK(packed.size() < original.size());
  CHECK(Unpack({PayloadCodec::kZstd, packed, original.size()}, "kernel") == original);
}

}  // namespace
}  // namespace holdfast::tool
