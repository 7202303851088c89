// SPDX-License-Identifier: BSD-2-Clause
// Tests of the command line's reader.

#include "common/format/command-line.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::Between;
using test::CheckError;

constexpr std::string_view kDigestText = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

Digest CountingDigest() {
  Digest digest{};
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::byte>(i);
  }
  return digest;
}

// "name" or "name=[value]" of each option.
std::vector<std::string> OptionsOf(std::string_view line) {
  std::vector<std::string> options;
  CommandLineReader reader(line);
  for (auto option = reader.Next(); option; option = reader.Next()) {
    options.push_back(std::string(option->name) +
                      (option->has_value ? "=[" + std::string(option->value) + "]" : std::string()));
  }
  return options;
}

TEST_CASE("Options are split as the kernel splits them", "[format][command-line]") {
  struct Case {
    const char* name;
    std::string_view line;
    std::vector<std::string> options;
  };
  const std::vector<Case> cases = {
      {"nothing", "", {}},
      {"white space", " \t\n\v\f\r\xa0 ", {}},
      {"names and values", "quiet root=/dev/sda1  ro", {"quiet", "root=[/dev/sda1]", "ro"}},
      {"an empty value", "a= b", {"a=[]", "b"}},
      {"a value with an equals sign", "root=LABEL=x", {"root=[LABEL=x]"}},
      {"an equals sign in front belongs to the name", "=a=b =c", {"=a=[b]", "=c"}},
      {"a quoted value", "a=\"b c\" d", {"a=[b c]", "d"}},
      {"a quoted option", "\"a=b c\" d", {"a=[b c]", "d"}},
      {"quotes within a value stay", "a=b\"c d\"e f", {"a=[b\"c d\"e]", "f"}},
      {"a quoted value that does not end", "a=\"b c", {"a=[b c]"}},
      {"a quote alone for a value", "a=\" b", {"a=[ b]"}},
      {"a quote alone at the end", "a=\"", {"a=[]"}},
      {"an empty quoted value", "a=\"\" b", {"a=[]", "b"}},
      {"a quote alone", "\"", {""}},
      {"empty quotes", "\"\" a", {"", "a"}},
      {"a quoted name", "\"a b\" c", {"a b", "c"}},
      {"an end of options", "a -- b", {"a"}},
      {"a quoted end of options", "a \"--\" b", {"a"}},
      {"two dashes with a value end nothing", "--=a b", {"--=[a]", "b"}},
      {"three dashes end nothing", "--- b", {"---", "b"}},
      {"a NUL ends the line", std::string_view("a\0b", 3), {"a"}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(OptionsOf(c.line) == c.options);
  }
}

TEST_CASE("After the end of options there is nothing more", "[format][command-line]") {
  CommandLineReader reader("-- a");
  CHECK_FALSE(reader.Next());
  CHECK_FALSE(reader.Next());
}

TEST_CASE("An option knows where it stands", "[format][command-line]") {
  CommandLineReader reader("  a \"b c\" d");
  CHECK(reader.Next()->offset == 2);
  CHECK(reader.Next()->offset == 4);
  CHECK(reader.Next()->offset == 10);
}

TEST_CASE("The first option of a name is found", "[format][command-line]") {
  CHECK(FindOption("a=1 b=2 a=3", "a")->value == "1");
  CHECK_FALSE(FindOption("ab b=2", "a"));
  CHECK_FALSE(FindOption("b -- a", "a"));
  CHECK_FALSE(FindOption("b=\"x a\"", "a"));
}

TEST_CASE("The last option of a name is found", "[format][command-line]") {
  const auto last = FindLastOption("a=1 b=2 a=3 a", "a");
  REQUIRE(last);
  CHECK_FALSE(last->has_value);
  CHECK(last->offset == 12);
  CHECK(FindLastOption("a_b=1 a-b=2 -- a_b=3", "a_b")->value == "2");
  CHECK_FALSE(FindLastOption("ab b=2", "a"));
}

TEST_CASE("A hexadecimal number needs no prefix", "[format][command-line]") {
  CHECK(ParseHexadecimal("10") == 16);
  CHECK(ParseHexadecimal("0x10") == 16);
  CHECK(ParseHexadecimal("0XfF") == 255);
  CHECK(ParseHexadecimal("0") == 0);
  CHECK(ParseHexadecimal("ffffffffffffffff") == ~std::uint64_t{0});
  for (const char* bad : {"", "0x", "x10", "g", "1g", "1K", " 1", "0x0x1", "10000000000000000"}) {
    INFO(bad);
    CHECK_FALSE(ParseHexadecimal(bad));
  }
}

TEST_CASE("Dash and underscore are one character in a name", "[format][command-line]") {
  CHECK(SameOptionName("a-b_c", "a_b-c"));
  CHECK_FALSE(SameOptionName("a-b", "a-b-"));
  CHECK_FALSE(SameOptionName("a-b", "A-b"));
  CHECK(FindOption("prmem_meta=1", "prmem-meta"));
}

TEST_CASE("A number is read as memparse reads it", "[format][command-line]") {
  struct Case {
    std::string_view text;
    std::optional<std::uint64_t> value;
  };
  const std::vector<Case> cases = {
      {"0", 0},
      {"10", 10},
      {"010", 8},
      {"0x10", 16},
      {"0X1f", 31},
      {"0xABCDEF", 0xabcdef},
      {"1k", 1024},
      {"1K", 1024},
      {"2M", 2 * kMiB},
      {"3g", 3 * kGiB},
      {"1T", std::uint64_t{1} << 40},
      {"1P", std::uint64_t{1} << 50},
      {"1E", std::uint64_t{1} << 60},
      {"0x10k", 16 * kKiB},
      {"18446744073709551615", ~std::uint64_t{0}},
      {"0xffffffffffffffff", ~std::uint64_t{0}},
      {"15E", std::uint64_t{15} << 60},
      {"", std::nullopt},
      {"k", std::nullopt},
      {"x", std::nullopt},
      {"-1", std::nullopt},
      {"+1", std::nullopt},
      {" 1", std::nullopt},
      {"1 ", std::nullopt},
      {"1kk", std::nullopt},
      {"1q", std::nullopt},
      {"1kB", std::nullopt},
      {"08", std::nullopt},
      {"0x", std::nullopt},
      {"0xg", std::nullopt},
      {"12a", std::nullopt},
      {"18446744073709551616", std::nullopt},
      {"0x10000000000000000", std::nullopt},
      {"99999999999999999999999", std::nullopt},
      {"16E", std::nullopt},
      {"0xffffffffffffffffk", std::nullopt},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    CHECK(ParseMemSize(c.text) == c.value);
  }
}

TEST_CASE("The handover's option is found and read", "[format][command-line]") {
  FixedVector<HandoverOption, kMaxHandoverOptions> out;
  const std::string line = "quiet holdfast=0x7f000000,8K," + std::string(kDigestText) + " ro";
  REQUIRE(FindHandoverOptions(line, out).ok());
  REQUIRE(out.size() == 1);
  CHECK(out[0] == HandoverOption{Between(0x7f000000, 0x7f002000), CountingDigest()});
}

TEST_CASE("A digest may be in capitals", "[format][command-line]") {
  FixedVector<HandoverOption, kMaxHandoverOptions> out;
  const std::string line = "holdfast=\"4096,1," + std::string(62, 'A') + "fF\"";
  REQUIRE(FindHandoverOptions(line, out).ok());
  CHECK(out[0].digest[0] == std::byte{0xaa});
  CHECK(out[0].digest[31] == std::byte{0xff});
}

TEST_CASE("A line without the option has no handover", "[format][command-line]") {
  FixedVector<HandoverOption, kMaxHandoverOptions> out;
  REQUIRE(FindHandoverOptions("holdfastx=1 xholdfast=2 -- holdfast=3", out).ok());
  CHECK(out.empty());
}

TEST_CASE("A handover's option that does not read is malformed, where it stands", "[format][command-line]") {
  const std::string digest(kDigestText);
  const std::vector<std::string> bad = {"holdfast",
                                        "holdfast=",
                                        "holdfast=0x1000",
                                        "holdfast=0x1000,4096",
                                        "holdfast=0x1000,4096,",
                                        "holdfast=,4096," + digest,
                                        "holdfast=0x1000,," + digest,
                                        "holdfast=0x1000,0," + digest,
                                        "holdfast=0x1000,4096," + digest + ",",
                                        "holdfast=0x1000,4096," + digest + "0",
                                        "holdfast=0x1000,4096," + digest.substr(1),
                                        "holdfast=0x1000,4096," + digest.substr(1) + "g",
                                        "holdfast=0x1000 ,4096," + digest,
                                        "holdfast=0xfffffffffffff,2," + digest,
                                        "holdfast=0xffffffffffffffff,1," + digest};
  for (const std::string& option : bad) {
    INFO(option);
    FixedVector<HandoverOption, kMaxHandoverOptions> out;
    CheckError(FindHandoverOptions("ro " + option, out), Errc::kMalformed, 3);
  }
  FixedVector<HandoverOption, kMaxHandoverOptions> out;
  CHECK(FindHandoverOptions("holdfast=0xfffffffffffff,1," + digest, out).ok());
}

TEST_CASE("Each handover counts once, and a fifth is refused", "[format][command-line]") {
  const auto option = [](int i) {
    return "holdfast=0x" + std::to_string(i) + "000,4096," + std::string(kDigestText) + " ";
  };
  FixedVector<HandoverOption, 8> out;
  const std::string four = option(1) + option(2) + option(1) + option(3) + option(4) + option(2);
  REQUIRE(FindHandoverOptions(four, out).ok());
  CHECK(out.size() == 4);
  out.Clear();
  CheckError(FindHandoverOptions(four + option(5), out), Errc::kTableFull, kMaxHandoverOptions);

  FixedVector<HandoverOption, 1> small;
  CheckError(FindHandoverOptions(four, small), Errc::kTableFull, 1);
}

TEST_CASE("The last serial console of a line is found", "[format][command-line]") {
  struct Case {
    const char* line;
    std::optional<SerialConsole> console;
  };
  const auto c = GENERATE(values<Case>({
      {"", std::nullopt},
      {"quiet console=tty0 console console= earlyprintk", std::nullopt},
      {"console=ttyS0", SerialConsole{0x3f8, 0}},
      {"console=ttyS1", SerialConsole{0x2f8, 0}},
      {"console=ttyS2", SerialConsole{0x3e8, 0}},
      {"console=ttyS3", SerialConsole{0x2e8, 0}},
      {"console=ttyS4", std::nullopt},
      {"console=ttyS", std::nullopt},
      {"console=ttyS00", std::nullopt},
      {"console=ttyUSB0", std::nullopt},
      {"console=ttyS0,115200", SerialConsole{0x3f8, 115200}},
      {"console=ttyS0,115200n8r", SerialConsole{0x3f8, 115200}},
      {"console=ttyS0,9600", SerialConsole{0x3f8, 9600}},
      {"console=ttyS0,1", SerialConsole{0x3f8, 1}},
      {"console=ttyS0,", SerialConsole{0x3f8, 0}},
      {"console=ttyS0,n8", SerialConsole{0x3f8, 0}},
      {"console=ttyS0,0", SerialConsole{0x3f8, 0}},
      {"console=ttyS0,115201", SerialConsole{0x3f8, 0}},
      {"console=ttyS0,9601", SerialConsole{0x3f8, 0}},
      {"console=ttyS0,4294967296", SerialConsole{0x3f8, 0}},
      {"console=ttyS0,4295082496", SerialConsole{0x3f8, 0}},  // 2^32 + 115200
      {"earlyprintk=ttyS1,57600", SerialConsole{0x2f8, 57600}},
      {"earlyprintk=serial,ttyS1,57600,keep", SerialConsole{0x2f8, 57600}},
      {"earlyprintk=serial", std::nullopt},
      {"earlyprintk=vga", std::nullopt},
      {"console=serial,ttyS0", std::nullopt},
      {"console=ttyS0,9600 console=ttyS1", SerialConsole{0x2f8, 0}},
      {"console=ttyS0,9600 console=tty0", SerialConsole{0x3f8, 9600}},
      {"earlyprintk=ttyS1 console=ttyS0 console=ttyS9", SerialConsole{0x3f8, 0}},
      {"console=ttyS1 earlyprintk=serial,ttyS0,115200", SerialConsole{0x3f8, 115200}},
      {"\"console=ttyS0,115200\"", SerialConsole{0x3f8, 115200}},
      {"console=ttyS0 -- console=ttyS1", SerialConsole{0x3f8, 0}},
      {"netconsole=ttyS0 xconsole=ttyS1 console2=ttyS2", std::nullopt},
  }));
  INFO(c.line);
  CHECK(FindSerialConsole(c.line) == c.console);
}

}  // namespace
}  // namespace holdfast
