// SPDX-License-Identifier: BSD-2-Clause
// The zstd decoder: the one wrapper around libzstd.
//
// In the stage the library is Debian's source compiled with the stage's flags and without a heap; in hosted code it
// is the distribution's shared library.  Source of the format: RFC 8878.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/result.h"

namespace holdfast {

// What the decoder works in.  Its contents before and after do not matter.
struct alignas(16) ZstdWorkspace {
  std::array<std::byte, 160 * 1024> bytes;
};

// Decodes one frame, which must be all of `packed`, into `out`, and returns how many bytes it wrote.  The output is
// the window, so no other buffer is needed however large the frame's window is.
// Errors (where: 0): kBadMagic: no zstd frame, or a skippable one; kMalformed: anything else that is wrong, a checksum
// and bytes behind the frame included.  kTooLarge (where: out.size()): it decodes to more than fits.  kTruncated
// (where: packed.size()): the frame goes on.  After an error `out` holds garbage.
Result<std::size_t> DecodeZstd(std::span<const std::byte> packed, std::span<std::byte> out, ZstdWorkspace& workspace);

}  // namespace holdfast
