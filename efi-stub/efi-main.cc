// SPDX-License-Identifier: BSD-2-Clause
// The stage as an EFI application.

#include "efi-stub/firmware.h"

// GNU-EFI's crt0 has relocated the image, and calls by the ordinary convention, not by EFI's.
extern "C" EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE* table) {
  const holdfast::efi::Firmware firmware(image, table);
  firmware.Print(u"holdfast: hello\r\n");
  return EFI_SUCCESS;
}
