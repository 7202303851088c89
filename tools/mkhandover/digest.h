// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 at full speed: the one wrapper around OpenSSL's libcrypto.

#pragma once

#include <cstddef>
#include <span>

#include "common/codec/sha256.h"

namespace holdfast::tool {

Digest DigestOf(std::span<const std::byte> bytes);

}  // namespace holdfast::tool
