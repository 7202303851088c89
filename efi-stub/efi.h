// SPDX-License-Identifier: BSD-2-Clause
// GNU-EFI's headers, and what Debian 12's do not have.
//
// Layouts only.  Sources: UEFI 2.10; TCG EFI Protocol Specification, Family 2.0; Linux' EFI stub, "Using initrd".

#pragma once

#include <cstdint>

extern "C" {
#include <efi.h>
}

namespace holdfast::efi {

// 5568e427-68fc-4f3d-ac74-ca555231cc68: where Linux' stub looks for an initrd (LINUX_EFI_INITRD_MEDIA_GUID).
inline constexpr EFI_GUID kInitrdMediaGuid = {
    0x5568e427, 0x68fc, 0x4f3d, {0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68}};
// UEFI 2.10, 13.2.
inline constexpr EFI_GUID kLoadFile2Guid = {
    0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}};
// EBBR 2.1, 2.3.1: a flattened device tree as a configuration table.
inline constexpr EFI_GUID kDeviceTreeGuid = {
    0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};
// TCG EFI Protocol Specification, 6.2.
inline constexpr EFI_GUID kTcg2Guid = {0x607f766c, 0x7455, 0x42be, {0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f}};
// TCG Platform Reset Attack Mitigation Specification, 4.1: variable MemoryOverwriteRequestControl.
inline constexpr EFI_GUID kOverwriteRequestGuid = {
    0xe20939be, 0x32d4, 0x41be, {0xa1, 0x50, 0x89, 0x7f, 0x85, 0xd4, 0x98, 0x29}};

struct LoadFile2Protocol {
  EFI_STATUS(EFIAPI* load_file)
  (LoadFile2Protocol* self, EFI_DEVICE_PATH* path, BOOLEAN boot_policy, UINTN* size, void* buffer);
};

}  // namespace holdfast::efi
