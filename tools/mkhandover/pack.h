// SPDX-License-Identifier: BSD-2-Clause
// The zstd encoder: the one wrapper around libzstd's other half.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace holdfast::tool {

// One frame, without a checksum: a bundle has a digest of each part.
std::vector<std::byte> PackZstd(std::span<const std::byte> bytes);
// The same of one of many blocks, each of which has a thread already.
std::vector<std::byte> PackZstdBlock(std::span<const std::byte> bytes);

}  // namespace holdfast::tool
