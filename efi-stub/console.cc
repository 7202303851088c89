// SPDX-License-Identifier: BSD-2-Clause
// Firmware's console as a sink.

#include "efi-stub/console.h"

#include <algorithm>
#include <array>

namespace holdfast::efi {
namespace {

constexpr std::size_t kChunk = 128;

bool Write(void* device, std::string_view text) {
  const auto& firmware = *static_cast<const Firmware*>(device);
  std::array<char16_t, kChunk + 1> wide;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, kChunk);
    *std::copy(part.begin(), part.end(), wide.begin()) = u'\0';
    firmware.Print(wide.data());
    text.remove_prefix(part.size());
  }
  return true;
}

}  // namespace

ConsoleSink FirmwareSink(const Firmware& firmware) { return {&Write, const_cast<Firmware*>(&firmware)}; }

std::string_view ToAscii(std::u16string_view text, std::span<char> storage) {
  const std::size_t size = std::min(text.size(), storage.size());
  std::transform(text.begin(), text.begin() + size, storage.begin(),
                 [](char16_t c) { return c >= u' ' && c <= u'~' ? static_cast<char>(c) : '?'; });
  return {storage.data(), size};
}

}  // namespace holdfast::efi
