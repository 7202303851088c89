// SPDX-License-Identifier: BSD-2-Clause
// The stage's memory and string functions, under other names, beside the C library's.

#define HOLDFAST_MEM_NAME(name) stage_##name
#include "common/base/mem-freestanding.cc"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <numeric>
#include <string>
#include <vector>

namespace holdfast {
namespace {

std::vector<unsigned char> Numbered(std::size_t size) {
  std::vector<unsigned char> out(size);
  std::iota(out.begin(), out.end(), static_cast<unsigned char>(1));
  return out;
}

int Sign(int value) { return (value > 0) - (value < 0); }

TEST_CASE("memcpy and memset write their bytes and no others", "[base][mem-freestanding]") {
  const std::size_t size = GENERATE(std::size_t{0}, 1, 7, 8, 9, 63, 64, 65, 200);
  const std::vector<unsigned char> from = Numbered(size);
  std::vector<unsigned char> to(size + 2, 0xee);
  CHECK(stage_memcpy(to.data() + 1, from.data(), size) == to.data() + 1);
  CHECK(std::equal(from.begin(), from.end(), to.begin() + 1));
  CHECK(to.front() == 0xee);
  CHECK(to.back() == 0xee);

  CHECK(stage_memset(to.data() + 1, 0x15a, size) == to.data() + 1);
  CHECK(std::count(to.begin(), to.end(), 0x5a) == static_cast<std::ptrdiff_t>(size));
  CHECK(to.front() == 0xee);
  CHECK(to.back() == 0xee);
}

TEST_CASE("memmove keeps the source's bytes at every distance", "[base][mem-freestanding]") {
  for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 7, 8, 9, 16, 31, 64}) {
    for (std::size_t from = 0; from <= 80; ++from) {
      for (std::size_t to = 0; to <= 80; ++to) {
        std::vector<unsigned char> ours = Numbered(144);
        std::vector<unsigned char> theirs = ours;
        REQUIRE(stage_memmove(ours.data() + to, ours.data() + from, size) == ours.data() + to);
        std::memmove(theirs.data() + to, theirs.data() + from, size);
        REQUIRE(ours == theirs);
      }
    }
  }
}

TEST_CASE("memcmp orders by the first byte that differs, as unsigned", "[base][mem-freestanding]") {
  constexpr std::array<const char*, 6> kTexts = {"", "a", "ab", "a\x80", "b", "a\x7f"};
  for (const char* a : kTexts) {
    for (const char* b : kTexts) {
      for (std::size_t size = 0; size <= std::min(std::strlen(a), std::strlen(b)) + 1; ++size) {
        REQUIRE(Sign(stage_memcmp(a, b, size)) == Sign(std::memcmp(a, b, size)));
      }
    }
  }
}

TEST_CASE("The string functions agree with the C library's", "[base][mem-freestanding]") {
  const std::string text = GENERATE(std::string(), "a", "compatible", "/a/b/c", "\x80\xff\x80", "aaaa");
  const char* const s = text.c_str();
  CHECK(stage_strlen(s) == std::strlen(s));
  for (std::size_t limit = 0; limit <= text.size() + 1; ++limit) {
    CHECK(stage_strnlen(s, limit) == std::min(limit, text.size()));
  }
  for (int c = 0; c < 256; ++c) {
    REQUIRE(stage_strchr(s, c) == std::strchr(s, c));
    REQUIRE(stage_strrchr(s, c) == std::strrchr(s, c));
    REQUIRE(stage_memchr(s, c, text.size()) == std::memchr(s, c, text.size()));
  }
}

}  // namespace
}  // namespace holdfast
