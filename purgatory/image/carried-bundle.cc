// SPDX-License-Identifier: BSD-2-Clause
// The bundle that came with the image.

#include "purgatory/image/carried-bundle.h"

namespace holdfast::purgatory {
namespace {

// Its place, up to where its carrier ends.
Result<PhysRange> FindCarrier(const StageImage& image, const LoadedBoot& boot, const PhysMemory& memory) {
  if (!image.payload.empty()) {
    return image.payload;
  }
  TRY_ASSIGN(const auto bytes, memory.View(boot.initrd));
  if (!BeginsBundle(bytes)) {
    return Error{Errc::kBadMagic, 0};
  }
  return boot.initrd;
}

}  // namespace

Status ReadCarriedBundle(const StageImage& image, const LoadedBoot& boot, const PhysMemory& memory,
                         Sha256BlocksFn blocks, CarriedBundle& out, std::uint64_t& num_bytes,
                         std::string_view& failed) {
  failed = "bundle in the image or the initrd";
  TRY_ASSIGN(const PhysRange carrier, FindCarrier(image, boot, memory));
  out.in_image = !image.payload.empty();
  failed = "bundle";
  TRY_ASSIGN(const auto bytes, memory.View(carrier));
  TRY(DecodeBundle(bytes, blocks, out.bundle));
  TRY_ASSIGN(out.at, PhysRange::FromStartSize(carrier.start(), out.bundle.size));
  num_bytes = 0;
  for (const BundlePart& part : out.bundle.parts) {
    failed = PartName(part.kind);
    TRY(VerifyPart(part, blocks));
    num_bytes += part.stored.size();
  }
  return kDone;
}

}  // namespace holdfast::purgatory
