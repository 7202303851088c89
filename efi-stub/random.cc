// SPDX-License-Identifier: BSD-2-Clause
// Random numbers from firmware.

#include "efi-stub/random.h"

#include <array>

namespace holdfast::efi {
namespace {

constexpr EFI_GUID kRandomGuid = EFI_RNG_PROTOCOL_GUID;

}  // namespace

void AddFirmwareRandom(const Firmware& firmware, x86::SeedMaker& seed) {
  const auto found = firmware.Locate(kRandomGuid);
  if (!found.ok()) {
    return;
  }
  auto* const random = static_cast<EFI_RNG_PROTOCOL*>(found.value());
  std::array<std::uint8_t, 32> bytes{};
  // Whatever it answers: what it left in them does no harm.
  static_cast<void>(random->GetRNG(random, /*RNGAlgorithm=*/nullptr, bytes.size(), bytes.data()));
  seed.Add(std::as_bytes(std::span(bytes)));
}

}  // namespace holdfast::efi
