// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 at full speed: the one wrapper around OpenSSL's libcrypto.

#include "tools/mkhandover/digest.h"

#include <openssl/evp.h>

#include <array>
#include <cstring>

#include "tools/mkhandover/failure.h"

namespace holdfast::tool {

namespace {

[[noreturn]] void FailToDigest() {
  throw Failure(ExitCode::kSystem, "libcrypto gives no SHA-256: check its configuration");
}

}  // namespace

Digest DigestOf(std::span<const std::byte> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned size = 0;
  Digest digest{};
  if (EVP_Digest(bytes.data(), bytes.size(), raw.data(), &size, EVP_sha256(), nullptr) != 1 || size != digest.size()) {
    FailToDigest();
  }
  std::memcpy(digest.data(), raw.data(), digest.size());
  return digest;
}

DigestStream::DigestStream() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr || EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) != 1) {
    EVP_MD_CTX_free(context_);
    FailToDigest();
  }
}

DigestStream::~DigestStream() { EVP_MD_CTX_free(context_); }

void DigestStream::Add(std::span<const std::byte> bytes) {
  if (EVP_DigestUpdate(context_, bytes.data(), bytes.size()) != 1) {
    FailToDigest();
  }
}

Digest DigestStream::Done() {
  Digest digest{};
  if (EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char*>(digest.data()), nullptr) != 1) {
    FailToDigest();
  }
  return digest;
}

}  // namespace holdfast::tool
