// SPDX-License-Identifier: BSD-2-Clause
// Any pages as the radix tree of kho-v2 and later.

#include "tests/fuzz/kho-checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  fuzz::PageMemory input(data, size);
  constexpr std::array kVersions = {"kho-v2", "kho-v3", "kho-v4"};
  fuzz::CheckKhoMap(input, kVersions[input.header()[0] % kVersions.size()], KhoBitmaps::kUnknown);
  return 0;
}
