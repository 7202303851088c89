// SPDX-License-Identifier: BSD-2-Clause
// Any pages as kho-v1's list of bitmaps, in each size of these and in none.

#include "tests/fuzz/kho-checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  fuzz::PageMemory input(data, size);
  fuzz::CheckKhoMap(input, "kho-v1", static_cast<KhoBitmaps>(input.header()[0] % 3));
  return 0;
}
