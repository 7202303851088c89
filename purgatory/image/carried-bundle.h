// SPDX-License-Identifier: BSD-2-Clause
// The bundle that came with the image: in its own payload, or as the initrd that its loader passed.

#pragma once

#include <string_view>

#include "common/codec/sha256.h"
#include "common/format/bundle.h"
#include "common/mem/phys-memory.h"
#include "purgatory/image/stage-image.h"
#include "purgatory/loaded-boot.h"

namespace holdfast::purgatory {

struct CarriedBundle {
  PhysRange at;  // exactly the bundle
  bool in_image = false;
  Bundle bundle;

  // Where a part lies in memory.
  PhysRange RangeOf(const BundlePart& part) const {
    return at.From(PhysAddr(at.start().raw() + part.offset))
        .UpTo(PhysAddr(at.start().raw() + part.offset + part.stored.size()));
  }
};

// Finds the bundle and verifies its header, its table and every part, and says how many bytes that were.
// On error `failed` names what it is about.  kBadMagic (where: 0): there is no bundle.
Status ReadCarriedBundle(const StageImage& image, const LoadedBoot& boot, const PhysMemory& memory,
                         Sha256BlocksFn blocks, CarriedBundle& out, std::uint64_t& num_bytes, std::string_view& failed);

}  // namespace holdfast::purgatory
