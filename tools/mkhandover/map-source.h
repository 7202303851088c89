// SPDX-License-Identifier: BSD-2-Clause
// A MAP, whatever form it has: found out by looking.

#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tools/mkhandover/owned-map.h"

namespace holdfast::tool {

inline constexpr std::uint32_t kDefaultEfiDescriptorSize = 48;
inline constexpr const char* kFirmwareMemmap = "/sys/firmware/memmap";

// `where` is "-" or a file with lines of the kernel log or of /proc/iomem, a directory laid out like
// /sys/firmware/memmap, a raw boot_params page, or a raw EFI memory map of that stride.
std::unique_ptr<OwnedMap> ReadMap(const std::string& where, std::uint32_t efi_descriptor_size);

// The same from bytes; `name` is for messages.
std::unique_ptr<OwnedMap> DecodeMap(std::span<const std::byte> bytes, const std::string& name,
                                    std::uint32_t efi_descriptor_size);

// Entries in any order, laid over each other as the kernel does it: the higher type wins.
std::unique_ptr<OwnedMap> LayOut(std::span<const MemEntry> entries, const std::string& name);

// Children N/{start,end,type}.
std::vector<MemEntry> ReadMemmapDirectory(const std::filesystem::path& directory);

}  // namespace holdfast::tool
