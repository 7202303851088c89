// SPDX-License-Identifier: BSD-2-Clause
// What is measured: common/abi/measurement.h.

#pragma once

#include <span>
#include <string_view>

#include "common/format/find-handovers.h"
#include "common/format/inner-kernel.h"
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

// What there is to measure of a boot.
struct MeasuredBoot {
  const FoundHandovers& found;          // read
  std::span<const std::byte> kho_tree;  // of the KHO node among them
  std::string_view command_line;
  KernelEntry entry = KernelEntry::kEfiImage;
  const InnerKernel& kernel;
  std::span<const std::byte> initrd;
  std::string_view decision;
};

// Every event, in their order.  Firmware and the EFI stub measure a kernel that firmware starts, and its initrd.
// Errors of Measure().
Status MeasureBoot(const Measurer& measurer, const MeasuredBoot& boot);

}  // namespace holdfast::efi
