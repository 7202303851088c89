// SPDX-License-Identifier: BSD-2-Clause
// The initrd, where Linux' EFI stub asks for it.

#include "efi-stub/initrd-offer.h"

#include <cstring>

namespace holdfast::efi {
namespace {

struct [[gnu::packed]] InitrdPath {
  VENDOR_DEVICE_PATH vendor;
  EFI_DEVICE_PATH end;
};
static_assert(sizeof(VENDOR_DEVICE_PATH) == 20 && sizeof(InitrdPath) == 24);

// Firmware keeps the pointer, and compares.
constinit InitrdPath g_path = {.vendor = {.Header = {.Type = MEDIA_DEVICE_PATH,
                                                     .SubType = MEDIA_VENDOR_DP,
                                                     .Length = {sizeof(VENDOR_DEVICE_PATH), 0}},
                                          .Guid = kInitrdMediaGuid},
                               .end = {.Type = END_DEVICE_PATH_TYPE,
                                       .SubType = END_ENTIRE_DEVICE_PATH_SUBTYPE,
                                       .Length = {sizeof(EFI_DEVICE_PATH), 0}}};

}  // namespace

InitrdOffer::InitrdOffer(const Firmware& firmware, std::span<const std::byte> initrd)
    : firmware_(firmware), source_{{&Load}, initrd} {}

InitrdOffer::~InitrdOffer() {
  if (handle_ != nullptr) {
    firmware_.UninstallAtPath(handle_, &g_path, kLoadFile2Guid, &source_.protocol);
  }
}

Status InitrdOffer::Install() {
  if (source_.bytes.empty()) {
    return kDone;
  }
  const auto handle = firmware_.InstallAtPath(&g_path, kLoadFile2Guid, &source_.protocol);
  if (!handle.ok()) {
    return handle.error();
  }
  handle_ = handle.value();
  return kDone;
}

EFI_STATUS InitrdOffer::Load(LoadFile2Protocol* self, EFI_DEVICE_PATH* path, BOOLEAN boot_policy, UINTN* size,
                             void* buffer) {
  static_assert(offsetof(Source, protocol) == 0);
  if (self == nullptr || path == nullptr || size == nullptr) {
    return EFI_INVALID_PARAMETER;
  }
  if (boot_policy != FALSE) {
    return EFI_UNSUPPORTED;
  }
  const std::span<const std::byte> bytes = reinterpret_cast<const Source*>(self)->bytes;
  const bool fits = buffer != nullptr && *size >= bytes.size();
  *size = bytes.size();
  if (!fits) {
    return EFI_BUFFER_TOO_SMALL;
  }
  std::memcpy(buffer, bytes.data(), bytes.size());
  return EFI_SUCCESS;
}

}  // namespace holdfast::efi
