// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 at full speed: the one wrapper around OpenSSL's libcrypto.

#pragma once

#include <cstddef>
#include <span>

#include "common/codec/sha256.h"

struct evp_md_ctx_st;  // OpenSSL's

namespace holdfast::tool {

Digest DigestOf(std::span<const std::byte> bytes);

// Of bytes that come one after another.
class DigestStream {
 public:
  DigestStream();
  ~DigestStream();
  DigestStream(const DigestStream&) = delete;
  DigestStream& operator=(const DigestStream&) = delete;

  void Add(std::span<const std::byte> bytes);
  // Once, at the end.
  Digest Done();

 private:
  evp_md_ctx_st* context_;
};

}  // namespace holdfast::tool
