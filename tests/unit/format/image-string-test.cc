// SPDX-License-Identifier: BSD-2-Clause
// Whether a program carries a string.

#include "common/format/image-string.h"

#include <catch2/catch.hpp>

#include <string>

#include "tests/support/random.h"

namespace holdfast {
namespace {

bool Carries(const std::string& image, std::string_view text) {
  return CarriesString(std::as_bytes(std::span(image.data(), image.size())), text);
}

TEST_CASE("A string counts where it stands whole", "[format][image-string]") {
  using namespace std::string_literals;
  CHECK(Carries("kho-v4\0"s, "kho-v4"));
  CHECK(Carries("\0kho-v4\0"s, "kho-v4"));
  CHECK(Carries("abc\0kho-v4\0def"s, "kho-v4"));
  CHECK(Carries("xkho-v4\0\0kho-v4\0"s, "kho-v4"));
  CHECK(Carries("kho-v4x\0kho-v4\0"s, "kho-v4"));
}

TEST_CASE("A part of a longer string does not count", "[format][image-string]") {
  using namespace std::string_literals;
  CHECK_FALSE(Carries("", "kho-v4"));
  CHECK_FALSE(Carries("kho-v4", "kho-v4"));        // no NUL behind it
  CHECK_FALSE(Carries("\0kho-v4"s, "kho-v4"));     //
  CHECK_FALSE(Carries("\0kho-v40\0"s, "kho-v4"));  // another version
  CHECK_FALSE(Carries("\0xkho-v4\0"s, "kho-v4"));  // the end of a longer one
  CHECK_FALSE(Carries("kho-v3\0kho-v\0"s, "kho-v4"));
}

TEST_CASE("The search finds what a plain one finds", "[format][image-string]") {
  test::Random random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string image(random.Below(40), '\0');
    for (char& c : image) c = "ab\0"[random.Below(3)];
    std::string text(1 + random.Below(4), 'a');
    for (char& c : text) c = "ab"[random.Below(2)];
    const std::string whole = '\0' + text + '\0';
    const bool expected = ('\0' + image).find(whole) != std::string::npos;
    INFO(round);
    REQUIRE(Carries(image, text) == expected);
  }
}

}  // namespace
}  // namespace holdfast
