// SPDX-License-Identifier: BSD-2-Clause
// What is measured: common/abi/measurement.h.

#pragma once

#include <span>
#include <string_view>

#include "efi-stub/firmware.h"

namespace holdfast::efi {

struct Tcg2Protocol;

class Measurer {
 public:
  static constexpr std::size_t kMaxEvent = 64;

  explicit Measurer(const Firmware& firmware);

  bool has_tpm() const { return tcg2_ != nullptr; }
  // Extends kMeasurementPcr by the digest of `bytes` in every active bank, and logs `event`, of kMaxEvent bytes at
  // most.  kNotFound: there is no TPM; kFirmware.
  Status Measure(std::string_view event, std::span<const std::byte> bytes) const;

 private:
  Tcg2Protocol* tcg2_ = nullptr;
};

}  // namespace holdfast::efi
