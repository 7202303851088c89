// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a zstd frame: it is decoded as the library decodes it on its own, into what there is and no further.

#include <zstd.h>

#include <algorithm>

#include "common/codec/zstd.h"
#include "tests/fuzz/fuzz-input.h"

namespace holdfast {
namespace {

// The library is not built with ASan, so a write behind the output has to be seen in other ways.
constexpr std::size_t kGuard = 256;
constexpr std::byte kUntouched{0xcc};

void Try(std::span<const std::byte> packed, std::size_t room) {
  static ZstdWorkspace workspace;
  std::vector<std::byte> out(room + kGuard, kUntouched);
  const auto size = DecodeZstd(packed, std::span(out).first(room), workspace);
  fuzz::Check(std::all_of(out.begin() + static_cast<std::ptrdiff_t>(room), out.end(),
                          [](std::byte byte) { return byte == kUntouched; }),
              "nothing is written behind the output");
  if (!size.ok()) {
    return;
  }
  fuzz::Check(size.value() <= room, "what is decoded fits");
  std::vector<std::byte> expected(room);
  fuzz::Check(ZSTD_decompress(expected.data(), room, packed.data(), packed.size()) == size.value(),
              "a context with a heap decodes as much");
  fuzz::Check(std::equal(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(size.value()), out.begin()),
              "and to the same bytes");
}

// The library is not instrumented either, so no fuzzer finds its way into a frame: half of the frames are packed here,
// from any bytes, and changed in one place.
std::vector<std::byte> PackAndChange(std::span<const std::byte> bytes, std::size_t place, std::byte change) {
  std::vector<std::byte> packed(ZSTD_compressBound(bytes.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 1));
  packed[place % packed.size()] ^= change;
  return packed;
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  // How much room there is in KiB, from nothing to more than most frames need; where to change a frame, two bytes; how.
  constexpr std::size_t kChoices = 4;
  if (size < kChoices) {
    return 0;
  }
  const std::size_t room = std::size_t{data[0]} * 1024;
  const fuzz::AlignedInput input(data + kChoices, size - kChoices);
  Try(input.bytes(), room);
  Try(PackAndChange(input.bytes(), data[1] * std::size_t{256} + data[2], std::byte{data[3]}), room);
  return 0;
}
