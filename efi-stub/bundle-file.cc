// SPDX-License-Identifier: BSD-2-Clause
// The bundle as a file.

#include "efi-stub/bundle-file.h"

#include <algorithm>

#include "efi-stub/inputs.h"

namespace holdfast::efi {

Status ReadBundleTable(const Firmware& firmware, EFI_HANDLE device, BundlePlace& place, Bundle& out) {
  std::array<std::byte, kMaxBundleHeadSize> storage{};
  const auto first = [&storage](std::uint64_t size, std::size_t limit) {
    return std::span(storage).first(static_cast<std::size_t>(std::min<std::uint64_t>(size, limit)));
  };
  TRY_ASSIGN(const std::uint64_t file_size, firmware.FileSize(device, kBundleFile));
  const auto head = first(file_size, storage.size());
  TRY(firmware.ReadFile(device, kBundleFile, head));
  TRY_ASSIGN(place, FindBundle(head, file_size));
  const auto table = first(place.available, kMaxBundleTableSize);
  TRY(firmware.ReadFile(device, kBundleFile, table, place.offset));
  return DecodeBundleTable(table, place.available, &Sha256Blocks, out);
}

}  // namespace holdfast::efi
