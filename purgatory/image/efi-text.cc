// SPDX-License-Identifier: BSD-2-Clause
// What firmware is told that starts the image as an application (entry.S).

extern "C" {

extern const char16_t efi_text[];
constinit const char16_t efi_text[] =
    u"holdfast: this image is started by kexec and by GRUB; firmware starts holdfast.efi\r\n";
}
