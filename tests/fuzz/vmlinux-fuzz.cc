// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as an unpacked kernel: what decodes can be loaded, and nothing is written beside its slot.

#include "tests/fuzz/fuzz-input.h"
#include "tests/fuzz/vmlinux-checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  if (size == 0) {
    return 0;
  }
  // The first byte is the load address, in units of 16 MiB: the highest are beyond what can be.
  const fuzz::AlignedInput input(data + 1, size - 1);
  fuzz::CheckVmlinux(input.bytes(), data[0] * 16 * kMiB);
  return 0;
}
