// SPDX-License-Identifier: BSD-2-Clause
// The bundle in \EFI\holdfast\bundle, as a file of which not all is read at once.

#pragma once

#include "common/format/bundle.h"
#include "efi-stub/firmware.h"

namespace holdfast::efi {

// Where it lies in its file, and its table; the parts get no bytes.  Errors: firmware's; FindBundle()'s and
// DecodeBundleTable()'s.
Status ReadBundleTable(const Firmware& firmware, EFI_HANDLE device, BundlePlace& place, Bundle& out);

}  // namespace holdfast::efi
