// SPDX-License-Identifier: BSD-2-Clause
// Digests at full speed: the one wrapper around OpenSSL's libcrypto.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

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

// A bank of a TPM's registers: each has a register of every number, of the size of its digests.
enum class Bank : std::uint8_t { kSha1, kSha256, kSha384, kSha512 };

// By the names that /sys/class/tpm/tpm0/pcr-* has: "sha1", "sha256", ...; nullopt for any other.
std::optional<Bank> BankFromName(std::string_view name);
std::string_view BankName(Bank bank);
std::size_t DigestSize(Bank bank);
std::vector<std::byte> DigestOf(Bank bank, std::span<const std::byte> bytes);

}  // namespace holdfast::tool
