// SPDX-License-Identifier: BSD-2-Clause

#include "common/format/utf16.h"

#include <catch2/catch.hpp>
#include <string>

namespace holdfast {
namespace {

TEST_CASE("UTF-8 becomes UTF-16", "[format][utf16]") {
  struct Case {
    const char* name;
    std::string_view utf8;
    std::u16string_view utf16;
  };
  const auto c =
      GENERATE(Case{"nothing", "", u""}, Case{"ASCII", "quiet root=/dev/sda", u"quiet root=/dev/sda"},
               Case{"two bytes", "\xc2\x80\xdf\xbf", u"\u0080\u07ff"},
               Case{"three bytes", "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", u"\u0800\ud7ff\ue000\uffff"},
               Case{"four bytes", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", u"\U00010000\U0010ffff"});
  INFO(c.name);
  FixedVector<char16_t, 32> out;
  REQUIRE(AppendUtf16(c.utf8, out).ok());
  CHECK(std::u16string(out.begin(), out.end()) == c.utf16);
}

TEST_CASE("What is no UTF-8 is refused where it stands", "[format][utf16]") {
  struct Case {
    const char* name;
    std::string_view utf8;
    std::uint64_t where;
  };
  const auto c = GENERATE(Case{"a byte that continues nothing", "ab\x80", 2}, Case{"cut off", "a\xe2\x82", 1},
                          Case{"not continued", "\xc3(", 0}, Case{"longer than it needs", "\xc0\xaf", 0},
                          Case{"three for two", "\xe0\x9f\xbf", 0}, Case{"four for three", "\xf0\x8f\xbf\xbf", 0},
                          Case{"a surrogate", "a\xed\xa0\x80", 1}, Case{"beyond Unicode", "\xf4\x90\x80\x80", 0},
                          Case{"no first byte", "\xff", 0});
  INFO(c.name);
  FixedVector<char16_t, 32> out;
  CHECK(AppendUtf16(c.utf8, out).error() == Error{Errc::kMalformed, c.where});
}

TEST_CASE("UTF-16 that does not fit is refused", "[format][utf16]") {
  FixedVector<char16_t, 3> out;
  REQUIRE(AppendUtf16("abc", out).ok());
  CHECK(AppendUtf16("d", out).error() == Error{Errc::kTableFull, 3});
}

}  // namespace
}  // namespace holdfast
