// SPDX-License-Identifier: BSD-2-Clause
// The library's handle of a store that was chosen in other ways than by its folder.

#pragma once

#include "tools/mkhandover/store/holdfast.h"
#include "tools/mkhandover/store/store-choice.h"

namespace holdfast::tool {

// Ends in a Failure as Store does.  For holdfast_close().
holdfast_store* OpenStore(const StoreChoice& choice, bool writable);

}  // namespace holdfast::tool
