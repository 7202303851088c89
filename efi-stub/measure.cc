// SPDX-License-Identifier: BSD-2-Clause
// What is measured, through firmware's driver of the TPM.

#include "efi-stub/measure.h"

#include <array>
#include <cstring>

#include "common/abi/measurement.h"
#include "common/plan/kernel-entry.h"
#include "efi-stub/tcg2.h"

namespace holdfast::efi {
namespace {

struct [[gnu::packed]] Event {
  Tcg2EventHeader header;
  std::array<char, Measurer::kMaxEvent> text;
};

bool IsIn(std::span<const std::byte> part, std::span<const std::byte> all) {
  const auto address = [](const std::byte* p) { return reinterpret_cast<std::uintptr_t>(p); };
  return address(part.data()) >= address(all.data()) &&
         address(part.data()) + part.size() <= address(all.data()) + all.size();
}

Status MeasureKernel(const Measurer& measurer, const InnerKernel& kernel, KernelEntry entry) {
  TRY(measurer.Measure(kEventKernel, kernel.file));
  const auto payload = kernel.packed ? kernel.packed->bytes : kernel.unpacked;
  const bool is_apart = entry == KernelEntry::kVmlinux && !IsIn(payload, kernel.file);
  return is_apart ? measurer.Measure(kEventKernel, payload) : Status(kDone);
}

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

Status MeasureBoot(const Measurer& measurer, const MeasuredBoot& boot) {
  for (const FoundHandover& handover : boot.found) {
    if (handover.tree) {
      TRY(measurer.Measure(kEventHandover, handover.tree->bytes()));
    } else if (handover.carrier == Carrier::kKhoNode) {
      TRY(measurer.Measure(kEventHandover, boot.kho_tree));
    }
  }
  TRY(measurer.Measure(kEventCommandLine, std::as_bytes(std::span(boot.command_line))));
  if (!IsEfiEntry(boot.entry)) {
    TRY(MeasureKernel(measurer, boot.kernel, boot.entry));
    TRY(measurer.Measure(kEventInitrd, boot.initrd));
  }
  return measurer.Measure(kEventDecision, std::as_bytes(std::span(boot.decision)));
}

}  // namespace holdfast::efi
