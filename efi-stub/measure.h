// SPDX-License-Identifier: BSD-2-Clause
// What is measured: common/abi/measurement.h.

#pragma once

#include <span>
#include <string_view>

#include "efi-stub/firmware.h"

namespace holdfast::efi {

class Measurer {
 public:
  explicit Measurer(const Firmware& firmware);

  bool has_tpm() const { return tcg2_ != nullptr; }
  // Extends kMeasurementPcr by the digest of `bytes` in every active bank, and logs `event`.
  Status Measure(std::string_view event, std::span<const std::byte> bytes) const;

 private:
  void* tcg2_ = nullptr;
};

}  // namespace holdfast::efi
