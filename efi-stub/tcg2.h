// SPDX-License-Identifier: BSD-2-Clause
// The TPM, as firmware offers it.
//
// Layouts only.  Source: TCG EFI Protocol Specification, Family 2.0, revision 00.13, chapter 6.  The event is packed,
// the capability is not.

#pragma once

#include <cstddef>
#include <cstdint>

#include "efi-stub/efi.h"

namespace holdfast::efi {

// EFI_TCG2_BOOT_SERVICE_CAPABILITY, structure version 1.1.
struct Tcg2Capability {
  std::uint8_t size;  // as given: of the caller's; as returned: of what is there
  std::uint8_t structure_major;
  std::uint8_t structure_minor;
  std::uint8_t protocol_major;
  std::uint8_t protocol_minor;
  std::uint32_t hash_algorithms;
  std::uint32_t event_log_formats;
  BOOLEAN has_tpm;
  std::uint16_t max_command_size;
  std::uint16_t max_response_size;
  std::uint32_t manufacturer;
  std::uint32_t num_banks;
  std::uint32_t active_banks;
};
static_assert(sizeof(Tcg2Capability) == 36 && offsetof(Tcg2Capability, hash_algorithms) == 8);
static_assert(offsetof(Tcg2Capability, has_tpm) == 16 && offsetof(Tcg2Capability, active_banks) == 32);

inline constexpr std::uint16_t kTcg2EventVersion = 1;

// EFI_TCG2_EVENT, up to its data.
struct [[gnu::packed]] Tcg2EventHeader {
  std::uint32_t size;         // of header and data, this field included
  std::uint32_t header_size;  // of all but `size` and the data: 14
  std::uint16_t header_version;
  std::uint32_t pcr;
  std::uint32_t type;
};
static_assert(sizeof(Tcg2EventHeader) == 18 && offsetof(Tcg2EventHeader, pcr) == 10);

// EFI_TCG2_PROTOCOL, as far as it is called.
struct Tcg2Protocol {
  EFI_STATUS(EFIAPI* get_capability)(Tcg2Protocol* self, Tcg2Capability* capability);
  void* get_event_log;
  // The data are hashed where they lie; nothing but the event goes into the log.
  EFI_STATUS(EFIAPI* hash_log_extend_event)
  (Tcg2Protocol* self, std::uint64_t flags, EFI_PHYSICAL_ADDRESS data, std::uint64_t data_size, void* event);
};

}  // namespace holdfast::efi
