// SPDX-License-Identifier: BSD-2-Clause
// Digests at full speed: the one wrapper around OpenSSL's libcrypto.

#include "tools/mkhandover/digest.h"

#include <openssl/evp.h>

#include <array>
#include <cstring>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

struct BankFacts {
  Bank bank;
  std::string_view name;
  std::size_t size;  // of a digest
  const EVP_MD* (*algorithm)();
};
constexpr std::array<BankFacts, 4> kBanks = {{{Bank::kSha1, "sha1", 20, &EVP_sha1},
                                              {Bank::kSha256, "sha256", 32, &EVP_sha256},
                                              {Bank::kSha384, "sha384", 48, &EVP_sha384},
                                              {Bank::kSha512, "sha512", 64, &EVP_sha512}}};

const BankFacts& FactsOf(Bank bank) { return kBanks[static_cast<std::size_t>(bank)]; }

[[noreturn]] void FailToDigest(Bank bank) {
  throw Failure(ExitCode::kSystem, Format("libcrypto gives no {}: check its configuration", BankName(bank)));
}

}  // namespace

Digest DigestOf(std::span<const std::byte> bytes) {
  const std::vector<std::byte> raw = DigestOf(Bank::kSha256, bytes);
  Digest digest{};
  std::memcpy(digest.data(), raw.data(), digest.size());
  return digest;
}

std::optional<Bank> BankFromName(std::string_view name) {
  for (const BankFacts& each : kBanks) {
    if (each.name == name) {
      return each.bank;
    }
  }
  return std::nullopt;
}

std::string_view BankName(Bank bank) { return FactsOf(bank).name; }

std::size_t DigestSize(Bank bank) { return FactsOf(bank).size; }

std::vector<std::byte> DigestOf(Bank bank, std::span<const std::byte> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), raw.data(), &size, FactsOf(bank).algorithm(), nullptr) != 1 ||
      size != DigestSize(bank)) {
    FailToDigest(bank);
  }
  std::vector<std::byte> digest(size);
  std::memcpy(digest.data(), raw.data(), size);
  return digest;
}

DigestStream::DigestStream() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr || EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) != 1) {
    EVP_MD_CTX_free(context_);
    FailToDigest(Bank::kSha256);
  }
}

DigestStream::~DigestStream() { EVP_MD_CTX_free(context_); }

void DigestStream::Add(std::span<const std::byte> bytes) {
  if (EVP_DigestUpdate(context_, bytes.data(), bytes.size()) != 1) {
    FailToDigest(Bank::kSha256);
  }
}

Digest DigestStream::Done() {
  Digest digest{};
  if (EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char*>(digest.data()), nullptr) != 1) {
    FailToDigest(Bank::kSha256);
  }
  return digest;
}

}  // namespace holdfast::tool
