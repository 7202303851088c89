// SPDX-License-Identifier: BSD-2-Clause
// The initrd, where Linux' EFI stub asks for it.
//
// Source: Documentation/admin-guide/efi-stub.rst, "The initrd= option"; UEFI 2.10, 13.2 (LoadFile2).

#pragma once

#include <span>

#include "efi-stub/firmware.h"

namespace holdfast::efi {

// Offered from Install() on, as long as this is there.
class InitrdOffer {
 public:
  // No bytes: nothing is offered.
  InitrdOffer(const Firmware& firmware, std::span<const std::byte> initrd);
  InitrdOffer(const InitrdOffer&) = delete;
  InitrdOffer& operator=(const InitrdOffer&) = delete;
  ~InitrdOffer();

  // kFirmware: EFI_ALREADY_STARTED, where somebody else offers one.
  Status Install();

 private:
  // What firmware sees, and behind it what it does not.
  struct Source {
    LoadFile2Protocol protocol;
    std::span<const std::byte> bytes;
  };
  static EFIAPI EFI_STATUS Load(LoadFile2Protocol* self, EFI_DEVICE_PATH* path, BOOLEAN boot_policy, UINTN* size,
                                void* buffer);

  const Firmware& firmware_;
  Source source_;
  EFI_HANDLE handle_ = nullptr;
};

}  // namespace holdfast::efi
