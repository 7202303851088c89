// SPDX-License-Identifier: BSD-2-Clause
// What is measured, through firmware's driver of the TPM.

#include "efi-stub/measure.h"

#include <array>
#include <cstring>

#include "common/abi/measurement.h"
#include "efi-stub/tcg2.h"

namespace holdfast::efi {
namespace {

struct [[gnu::packed]] Event {
  Tcg2EventHeader header;
  std::array<char, Measurer::kMaxEvent> text;
};

}  // namespace

// The protocol may be there without a TPM behind it.
Measurer::Measurer(const Firmware& firmware) {
  const auto found = firmware.Locate(kTcg2Guid);
  if (!found.ok()) {
    return;
  }
  auto* const tcg2 = static_cast<Tcg2Protocol*>(found.value());
  Tcg2Capability capability{};
  capability.size = sizeof(capability);
  if (tcg2->get_capability(tcg2, &capability) == EFI_SUCCESS && capability.has_tpm != FALSE) {
    tcg2_ = tcg2;
  }
}

Status Measurer::Measure(std::string_view event, std::span<const std::byte> bytes) const {
  if (!has_tpm()) {
    return Error{Errc::kNotFound, 0};
  }
  Require(event.size() <= kMaxEvent);
  Event stored{.header = {.size = static_cast<std::uint32_t>(sizeof(Tcg2EventHeader) + event.size()),
                          .header_size = sizeof(Tcg2EventHeader) - sizeof(std::uint32_t),
                          .header_version = kTcg2EventVersion,
                          .pcr = kMeasurementPcr,
                          .type = kEventIpl},
               .text = {}};
  std::memcpy(stored.text.data(), event.data(), event.size());
  // Firmware takes no bytes, but not from nowhere.
  const void* const data = bytes.empty() ? static_cast<const void*>(&stored) : bytes.data();
  const EFI_STATUS status =
      tcg2_->hash_log_extend_event(tcg2_, /*flags=*/0, reinterpret_cast<std::uintptr_t>(data), bytes.size(), &stored);
  return status == EFI_SUCCESS ? Status(kDone) : Status(Error{Errc::kFirmware, status});
}

}  // namespace holdfast::efi
