// SPDX-License-Identifier: BSD-2-Clause
// The image that runs: where it was loaded, and what its record says.

#pragma once

#include "common/abi/stage-image.h"
#include "common/mem/phys-range.h"

namespace holdfast::purgatory {

struct StageImage {
  PhysRange memory;   // all that belongs to it, the work area included
  PhysRange payload;  // of the bundle in it; empty without one
  PhysAddr boot_params_hint;
};

// `load` is where the image's first loaded byte lies.  kBadMagic, kMalformed (where: offset of the record's field in
// the file) for numbers that cannot be; kMisaligned: `load` is no page; kOutOfBounds.
Status ReadStageImage(PhysAddr load, const StageImageRecord& record, StageImage& out);

}  // namespace holdfast::purgatory
