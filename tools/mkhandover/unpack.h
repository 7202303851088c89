// SPDX-License-Identifier: BSD-2-Clause
// What a kernel's payload unpacks to: the one wrapper around lz4, liblzma, libbz2 and zlib.
//
// The stage itself knows zstd alone, so all others are unpacked here, where there is time.

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "common/format/kernel-header.h"

namespace holdfast::tool {

// Exactly payload.unpacked_size bytes.  Ends in a Failure of bad input, which names `file`, for a payload that is
// damaged or unpacks to another size, and for LZO, whose library is not linked.
std::vector<std::byte> Unpack(const KernelPayload& payload, const std::string& file);

}  // namespace holdfast::tool
