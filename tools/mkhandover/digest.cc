// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 at full speed: the one wrapper around OpenSSL's libcrypto.

#include "tools/mkhandover/digest.h"

#include <openssl/evp.h>

#include <array>
#include <cstring>

#include "tools/mkhandover/failure.h"

namespace holdfast::tool {

Digest DigestOf(std::span<const std::byte> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned size = 0;
  Digest digest{};
  if (EVP_Digest(bytes.data(), bytes.size(), raw.data(), &size, EVP_sha256(), nullptr) != 1 || size != digest.size()) {
    throw Failure(ExitCode::kSystem, "libcrypto gives no SHA-256: check its configuration");
  }
  std::memcpy(digest.data(), raw.data(), digest.size());
  return digest;
}

}  // namespace holdfast::tool
