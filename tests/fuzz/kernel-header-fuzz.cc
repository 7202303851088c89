// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a bzImage: facts that are given can be met, and a payload that is found lies in the file.

#include <bit>

#include "common/format/boot-params.h"
#include "common/format/kernel-header.h"
#include "tests/fuzz/fuzz-input.h"

namespace holdfast {
namespace {

void CheckPayload(std::span<const std::byte> file, const KernelImage& image) {
  const auto found = FindKernelPayload(file, image);
  if (!found.ok()) {
    return;
  }
  const KernelPayload& payload = found.value();
  const auto offset = static_cast<std::size_t>(payload.packed.data() - file.data());
  fuzz::Check(offset > image.protected_offset && offset <= file.size(), "a payload begins in the protected-mode part");
  fuzz::Check(payload.packed.size() >= 4 && payload.packed.size() <= file.size() - offset, "and ends there");
  fuzz::Check(payload.unpacked_size <= kMaxUnpackedKernel, "and is not too large when unpacked");
  fuzz::Check(!PayloadCodecName(payload.codec).empty(), "and is packed in a way that has a name");
}

// The setup sectors alone say the same of the kernel.
void CheckSetup(std::span<const std::byte> file, const KernelImage& image) {
  KernelImage setup;
  fuzz::Check(DecodeKernelSetup(file.first(static_cast<std::size_t>(image.protected_offset)), setup).ok(),
              "a kernel may be cut off behind its setup sectors");
  fuzz::Check(setup.facts.size == image.facts.size && setup.facts.min_address == image.facts.min_address &&
                  setup.protected_offset == image.protected_offset && setup.protected_size == 0,
              "and is the same kernel");
}

void CheckAdopted(const KernelImage& image) {
  BootParams params{};
  AdoptSetupHeader(image.header, params);
  fuzz::Check(DecodeKernelFacts(params.hdr).ok(), "a setup header that was adopted still says what the kernel needs");
  fuzz::Check(params.hdr.type_of_loader != std::byte{0}, "and names a loader");
}

}  // namespace
}  // namespace holdfast

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
  CheckSetup(input.bytes(), image);
  CheckPayload(input.bytes(), image);
  CheckAdopted(image);
  return 0;
}
