// SPDX-License-Identifier: BSD-2-Clause
// Tests of the texts that come with a kernel.

#include "common/format/input-text.h"

#include <catch2/catch.hpp>

#include <string>

#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using namespace std::string_literals;
using test::CheckError;

std::string Cleaned(std::string text) {
  const auto size = CleanLine(text);
  REQUIRE(size.ok());
  return text.substr(0, size.value());
}

Status Append(std::u16string_view text, std::string& out, std::size_t room = 100) {
  std::vector<char> storage(room);
  BoundedVector<char> line{std::span(storage)};
  const Status status = AppendUtf8(text, line);
  out.assign(line.begin(), line.end());
  return status;
}

Status Append(std::u16string_view text) {
  std::string out;
  return Append(text, out);
}

TEST_CASE("A line ends before its NULs and white space", "[format][input-text]") {
  CHECK(Cleaned("ro quiet").append("|") == "ro quiet|");
  CHECK(Cleaned("ro quiet\n\0\0"s) == "ro quiet");
  CHECK(Cleaned("ro quiet \t\r\v\f\n \0\n\0"s) == "ro quiet");
  CHECK(Cleaned("  ro").append("|") == "  ro|");
  CHECK(Cleaned("").empty());
  CHECK(Cleaned("\n\0 "s).empty());
}

TEST_CASE("Control characters inside a line are spaces", "[format][input-text]") {
  CHECK(Cleaned("a\nb\tc\x01"
                "d\x1f"
                "e\x7f"
                "f") == "a b c d e f");
  CHECK(Cleaned("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
}

TEST_CASE("A NUL inside a line is refused, where it is", "[format][input-text]") {
  std::string text = "ro\0quiet"s;
  CheckError(CleanLine(text), Errc::kMalformed, 2);
  text = "\0x"s;
  CheckError(CleanLine(text), Errc::kMalformed, 0);
}

TEST_CASE("UTF-16 becomes UTF-8", "[format][input-text]") {
  std::string out;
  REQUIRE(Append(u"a\u007f\u0080\u07ff\u0800\uffff\U00010000\U0010ffff", out).ok());
  CHECK(out == "a\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
  REQUIRE(Append(u"\ud7ff\ue000", out).ok());
  CHECK(out == "\xed\x9f\xbf\xee\x80\x80");
  REQUIRE(Append(u"", out).ok());
  CHECK(out.empty());
}

TEST_CASE("Half of a surrogate pair is no text", "[format][input-text]") {
  constexpr char16_t kHigh = 0xd800;
  constexpr char16_t kLow = 0xdc00;
  CheckError(Append(std::u16string{u'a', kHigh}), Errc::kMalformed, 2);
  CheckError(Append(std::u16string{u'a', kHigh, u'b'}), Errc::kMalformed, 2);
  CheckError(Append(std::u16string{kHigh, kHigh, kLow}), Errc::kMalformed, 0);
  CheckError(Append(std::u16string{u'a', u'b', kLow, kHigh}), Errc::kMalformed, 4);
  CheckError(Append(std::u16string{0xdbff, 0xe000}), Errc::kMalformed, 0);
}

TEST_CASE("Text that does not fit fills the table, wherever a character ends", "[format][input-text]") {
  const std::u16string text = u"aé€\U0001f600";  // 1 + 2 + 3 + 4 bytes
  std::string out;
  for (std::size_t room = 0; room < 10; ++room) {
    CheckError(Append(text, out, room), Errc::kTableFull, room);
  }
  CHECK(Append(text, out, 10).ok());
}

TEST_CASE("A system is called by its pretty name", "[format][input-text]") {
  CHECK(FindPrettyName("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian\"\n") ==
        "Debian GNU/Linux 12 (bookworm)");
  CHECK(FindPrettyName("NAME=x\nPRETTY_NAME='Some OS'\r\n") == "Some OS");
  CHECK(FindPrettyName("PRETTY_NAME=Plain \0"s) == "Plain");
  CHECK(FindPrettyName("PRETTY_NAME=") == "");
  CHECK(FindPrettyName("PRETTY_NAME=\"") == "\"");
  CHECK(FindPrettyName("PRETTY_NAME=\"a'") == "\"a'");
  CHECK_FALSE(FindPrettyName("").has_value());
  CHECK_FALSE(FindPrettyName("NAME=x\n\n#PRETTY_NAME=y").has_value());
  CHECK_FALSE(FindPrettyName("X_PRETTY_NAME=y").has_value());
}

}  // namespace
}  // namespace holdfast
