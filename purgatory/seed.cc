// SPDX-License-Identifier: BSD-2-Clause
// The seed of the kernel's place.

#include "purgatory/seed.h"

#include <array>
#include <cstring>

#include "common/arch/x86/cpu.h"
#include "common/codec/sha256.h"

namespace holdfast::purgatory {

std::uint64_t MakeSeed(std::string_view purpose, std::span<const SetupDataNode> nodes, const PhysMemory& memory) {
  struct {
    std::uint64_t tsc;
    std::array<std::uint64_t, 4> rdseed;
    std::array<std::uint64_t, 4> rdrand;
    std::uint64_t tsc_after;
  } sample{};
  sample.tsc = x86::Rdtsc();
  for (std::size_t i = 0; i < sample.rdseed.size(); ++i) {
    sample.rdseed[i] = x86::HasRdseed() ? x86::HardwareRandom<true>().value_or(0) : 0;
    sample.rdrand[i] = x86::HasRdrand() ? x86::HardwareRandom<false>().value_or(0) : 0;
  }
  sample.tsc_after = x86::Rdtsc();

  Sha256 hash;
  hash.Update(std::as_bytes(std::span(purpose)));
  hash.Update(std::as_bytes(std::span(&sample, 1)));
  for (const SetupDataNode& node : nodes) {
    if (node.type == kSetupRngSeed) {
      if (const auto seed = memory.View(node.payload); seed.ok()) {
        hash.Update(seed.value());
      }
    }
  }
  const Digest digest = hash.Finish();
  Le64 seed;
  std::memcpy(&seed, digest.data(), sizeof(seed));
  return seed.value();
}

}  // namespace holdfast::purgatory
