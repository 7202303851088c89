// SPDX-License-Identifier: BSD-2-Clause
// The stage's memory.

#include "purgatory/storage.h"

namespace holdfast::purgatory {

constinit Storage g_storage{};

}  // namespace holdfast::purgatory
