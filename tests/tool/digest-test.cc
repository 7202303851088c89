// SPDX-License-Identifier: BSD-2-Clause
// Digests, by the examples of FIPS 180-4.

#include "tools/mkhandover/digest.h"

#include <catch2/catch.hpp>
#include <string_view>

#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

TEST_CASE("Each bank has the digests of its algorithm", "[tool][digest]") {
  struct Case {
    Bank bank;
    const char* name;
    std::size_t size;
    const char* start;  // of the digest of "abc"
  };
  const auto c = GENERATE(
      Case{Bank::kSha1, "sha1", 20, "a9993e364706816a"}, Case{Bank::kSha256, "sha256", 32, "ba7816bf8f01cfea"},
      Case{Bank::kSha384, "sha384", 48, "cb00753f45a35e8b"}, Case{Bank::kSha512, "sha512", 64, "ddaf35a193617aba"});
  INFO(c.name);
  const std::string digest = HexDigits(DigestOf(c.bank, std::as_bytes(std::span(std::string_view("abc")))));
  CHECK(digest.starts_with(c.start));
  CHECK(digest.size() == 2 * c.size);
  CHECK(DigestSize(c.bank) == c.size);
  CHECK(BankName(c.bank) == c.name);
  CHECK(BankFromName(c.name) == c.bank);
}

TEST_CASE("There is no bank of another name", "[tool][digest]") {
  CHECK_FALSE(BankFromName("sm3"));
  CHECK_FALSE(BankFromName(""));
}

TEST_CASE("SHA-256 is the stage's", "[tool][digest]") {
  const auto bytes = std::as_bytes(std::span(std::string_view("kept")));
  CHECK(DigestOf(bytes) == Sha256::Of(bytes));
}

}  // namespace
}  // namespace holdfast::tool
