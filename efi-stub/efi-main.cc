// SPDX-License-Identifier: BSD-2-Clause
// The stage as an EFI application.

#include "efi-stub/application.h"

namespace holdfast::efi {
namespace {

// Firmware gives no more than 128 KiB of stack (UEFI 2.10, 2.3.4).
static_assert(sizeof(Application) <= 64 * kKiB);

constinit Storage g_storage{};

}  // namespace
}  // namespace holdfast::efi

// GNU-EFI's crt0 has relocated the image, and calls by the ordinary convention, not by EFI's.
extern "C" EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE* table) {
  const holdfast::efi::Firmware firmware(image, table);
  holdfast::efi::Application application(firmware, holdfast::efi::g_storage);
  return application.Run();
}
