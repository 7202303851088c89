// SPDX-License-Identifier: BSD-2-Clause
// Any text as badram= and as memmap=: ranges are sound, bad ones made of pages, and few.

#include <string>
#include <vector>

#include "common/format/memory-lists.h"
#include "tests/fuzz/fuzz-input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const std::string text(reinterpret_cast<const char*>(data), size);
  static std::vector<ListedRange> storage(2 * kMaxBadRamRanges);
  BoundedVector<ListedRange> list{std::span<ListedRange>(storage)};
  if (DecodeBadRam(text, list).ok()) {
    fuzz::Check(!list.empty(), "a list that reads names something");
    for (const ListedRange& each : list) {
      fuzz::Check(!each.range.empty() && each.range == each.range.RoundedIn(kPageSize), "bad memory is made of pages");
      fuzz::Check(each.fence == Fence::kReserved, "and is reserved");
    }
  }
  list.Clear();
  if (DecodeMemmapList(text, list).ok()) {
    for (const ListedRange& each : list) {
      fuzz::Check(!each.range.empty(), "no range is empty");
      fuzz::Check(each.range.end() <= PhysAddr(kPhysLimit), "ranges end at or below the limit");
    }
  }
  return 0;
}
