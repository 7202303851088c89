// SPDX-License-Identifier: BSD-2-Clause
// Whether a program carries a string.

#include "common/format/image-string.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/base/result.h"

namespace holdfast {
namespace {

constexpr std::size_t kMaxText = 64;

}  // namespace

// Horspool's search, since images have tens of megabytes: how far to go on follows from the byte that stands where the
// text's last one would.
bool CarriesString(std::span<const std::byte> image, std::string_view text) {
  Require(!text.empty() && text.size() <= kMaxText);
  const std::size_t size = text.size();
  std::array<std::uint8_t, 256> skip;
  skip.fill(static_cast<std::uint8_t>(size));
  for (std::size_t i = 0; i + 1 < size; ++i) {
    skip[static_cast<unsigned char>(text[i])] = static_cast<std::uint8_t>(size - 1 - i);
  }
  const auto same = [](char a, std::byte b) { return static_cast<std::byte>(a) == b; };
  // A NUL follows, so the last byte is none of the image's.
  for (std::size_t at = 0; at + size < image.size();) {
    const auto here = image.subspan(at, size);
    const bool is_whole = image[at + size] == std::byte{0} && (at == 0 || image[at - 1] == std::byte{0});
    if (is_whole && std::equal(text.begin(), text.end(), here.begin(), same)) {
      return true;
    }
    at += skip[std::to_integer<std::size_t>(here.back())];
  }
  return false;
}

}  // namespace holdfast
