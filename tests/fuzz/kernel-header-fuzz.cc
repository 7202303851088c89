// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a bzImage: facts that are given can be met.

#include <bit>

#include "common/format/kernel-header.h"
#include "tests/fuzz/fuzz-input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const fuzz::AlignedInput input(data, size);
  KernelImage image;
  if (!DecodeKernelImage(input.bytes(), image).ok()) {
    return 0;
  }
  const KernelFacts& facts = image.facts;
  fuzz::Check(std::has_single_bit(facts.alignment) && facts.alignment >= kPageSize, "an alignment is a power of two");
  fuzz::Check(facts.size > 0 && facts.size <= kGiB && IsAligned(facts.size, kPageSize), "a size is whole pages");
  fuzz::Check(facts.min_address <= facts.limit - facts.size, "there is a place for the kernel");
  fuzz::Check(image.protected_offset + image.protected_size == size, "the protected-mode part ends with the file");
  fuzz::Check(image.protected_size <= facts.size, "and fits into the kernel's memory");
  return 0;
}
