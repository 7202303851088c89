// SPDX-License-Identifier: BSD-2-Clause
// Firmware's screen.

#include "efi-stub/screen.h"

#include <bit>
#include <limits>

namespace holdfast::efi {
namespace {

constexpr EFI_GUID kGraphicsGuid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
constexpr EFI_PIXEL_BITMASK kRgb = {0xff, 0xff00, 0xff0000, 0xff000000};
constexpr EFI_PIXEL_BITMASK kBgr = {0xff0000, 0xff00, 0xff, 0xff000000};

ColourField FieldOf(std::uint32_t mask) {
  if (mask == 0) {
    return {};
  }
  const int shift = std::countr_zero(mask);
  // Its bits stand together.  Not std::popcount: without its instruction that is a call into a library.
  return {static_cast<std::byte>(std::countr_one(mask >> shift)), static_cast<std::byte>(shift)};
}

// The bits of a pixel's colours; none where pixels cannot be written.
std::optional<EFI_PIXEL_BITMASK> MaskOf(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION& mode) {
  switch (mode.PixelFormat) {
    case PixelRedGreenBlueReserved8BitPerColor:
      return kRgb;
    case PixelBlueGreenRedReserved8BitPerColor:
      return kBgr;
    case PixelBitMask:
      return mode.PixelInformation;
    case PixelBltOnly:
    case PixelFormatMax:
      break;
  }
  return std::nullopt;
}

// Of a pixel, which has no holes above its highest colour.
std::uint32_t DepthOf(const EFI_PIXEL_BITMASK& mask) {
  return static_cast<std::uint32_t>(std::bit_width(mask.RedMask | mask.GreenMask | mask.BlueMask | mask.ReservedMask));
}

bool FitsIn16Bits(std::uint64_t value) { return value <= std::numeric_limits<std::uint16_t>::max(); }

void FillMode(const EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE& current, ScreenInfo& out) {
  const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION& mode = *current.Info;
  const auto mask = MaskOf(mode);
  if (!mask) {
    return;
  }
  const std::uint32_t depth = DepthOf(*mask);
  const std::uint64_t line = std::uint64_t{mode.PixelsPerScanLine} * depth / 8;
  const std::uint64_t size = line * mode.VerticalResolution;
  if (!FitsIn16Bits(mode.HorizontalResolution) || !FitsIn16Bits(mode.VerticalResolution) || !FitsIn16Bits(line) ||
      current.FrameBufferBase == 0) {
    return;
  }
  out.type = kVideoTypeEfi;
  out.width.Set(static_cast<std::uint16_t>(mode.HorizontalResolution));
  out.height.Set(static_cast<std::uint16_t>(mode.VerticalResolution));
  out.depth.Set(static_cast<std::uint16_t>(depth));
  out.line_length.Set(static_cast<std::uint16_t>(line));
  out.size.Set(static_cast<std::uint32_t>(size));  // Below 2^32: two factors of 16 bits.
  out.base.Set(static_cast<std::uint32_t>(current.FrameBufferBase));
  out.ext_base.Set(static_cast<std::uint32_t>(current.FrameBufferBase >> 32));
  out.capabilities.Set(kVideoSkipQuirks | (out.ext_base.value() != 0 ? kVideo64BitBase : 0));
  out.red = FieldOf(mask->RedMask);
  out.green = FieldOf(mask->GreenMask);
  out.blue = FieldOf(mask->BlueMask);
  out.reserved = FieldOf(mask->ReservedMask);
}

}  // namespace

ScreenInfo ReadScreen(const Firmware& firmware) {
  ScreenInfo screen{};
  const auto found = firmware.Locate(kGraphicsGuid);
  if (found.ok()) {
    const auto* const mode = static_cast<const EFI_GRAPHICS_OUTPUT_PROTOCOL*>(found.value())->Mode;
    if (mode != nullptr && mode->Info != nullptr) {
      FillMode(*mode, screen);
    }
  }
  return screen;
}

}  // namespace holdfast::efi
