// SPDX-License-Identifier: BSD-2-Clause
// What the clients of KHO handed over, as JSON.

#pragma once

#include <vector>

#include "tools/mkhandover/foreign-details.h"

namespace holdfast::tool {

void AddKhoDetails(const ForeignHandover& foreign, const PhysMemory& memory, Json& out,
                   std::vector<UnreadDetail>& unread);

}  // namespace holdfast::tool
