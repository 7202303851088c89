// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as an ELF core: every segment's bytes lie in the file, and its addresses below the limit.

#include <array>

#include "common/format/elf-core.h"
#include "tests/fuzz/fuzz-input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const fuzz::AlignedInput input(data, size);
  const auto head = ElfCoreHeadSize(input.bytes());
  static std::array<CoreSegment, 2048> storage;
  BoundedVector<CoreSegment> segments{std::span<CoreSegment>(storage)};
  const Status status = DecodeElfCore(input.bytes(), size, segments);
  if (!status.ok()) {
    return 0;
  }
  fuzz::Check(head.ok() && head.value() <= size, "what decodes has its head in the file");
  FixedVector<CoreSegment, 2048> again;
  fuzz::Check(DecodeElfCore(input.bytes().first(static_cast<std::size_t>(head.value())), size, again).ok(),
              "and no more is needed");
  fuzz::Check(again.size() == segments.size(), "for the same segments");
  for (const CoreSegment& segment : segments) {
    fuzz::Check(!segment.range.empty(), "no segment is empty");
    fuzz::Check(segment.range.end() <= PhysAddr(kPhysLimit), "segments end at or below the limit");
    fuzz::Check(segment.offset <= size && segment.range.size() <= size - segment.offset, "their bytes are there");
  }
  return 0;
}
