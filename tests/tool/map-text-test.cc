// SPDX-License-Identifier: BSD-2-Clause
// Memory maps in every wording.

#include "tools/mkhandover/map-text.h"

#include <catch2/catch.hpp>

#include "tests/support/ranges.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"

namespace holdfast::tool {
namespace {

std::string MessageOf(std::vector<MemEntry> (*parse)(std::string_view, const std::string&), std::string_view text) {
  try {
    parse(text, "map.txt");
  } catch (const Failure& failure) {
    CHECK(failure.code() == ExitCode::kBadInput);
    return failure.what();
  }
  return "no failure";
}

MemEntry Entry(std::uint64_t start, std::uint64_t end, MemType type) {
  return {PhysRange::FromStartEnd(PhysAddr(start), PhysAddr(end)).value(), type};
}

TEST_CASE("A type has a name in each wording of the kernel", "[tool][map-text]") {
  struct Case {
    const char* name;
    MemType type;
  };
  const auto c = GENERATE(
      Case{"usable", MemType::kUsable}, Case{"System RAM", MemType::kUsable}, Case{"reserved", MemType::kReserved},
      Case{"device reserved", MemType::kReserved}, Case{"Reserved", MemType::kReserved},
      Case{"ACPI data", MemType::kAcpi}, Case{"ACPI Tables", MemType::kAcpi}, Case{"ACPI NVS", MemType::kNvs},
      Case{"ACPI Non-volatile Storage", MemType::kNvs}, Case{"unusable", MemType::kUnusable},
      Case{"Unusable memory", MemType::kUnusable}, Case{"persistent (type 7)", MemType::kPmem},
      Case{"Persistent Memory", MemType::kPmem}, Case{"persistent (type 12)", MemType::kPram},
      Case{"Persistent Memory (legacy)", MemType::kPram}, Case{"soft reserved", MemType::kSoftReserved},
      Case{"Soft Reserved", MemType::kSoftReserved}, Case{"type 20", MemType{20}},
      Case{"type 4026531839", MemType{0xefffffff}}, Case{"  usable \r", MemType::kUsable});
  INFO(c.name);
  CHECK(MemTypeFromName(c.name) == c.type);
}

TEST_CASE("What is no type has none", "[tool][map-text]") {
  const char* name =
      GENERATE("", "usable ram", "type", "type ", "type x", "type 4294967296", "type 1x", "PCI Bus 0000:00");
  INFO(name);
  CHECK(MemTypeFromName(name) == std::nullopt);
}

TEST_CASE("Both wordings of one machine's log give one map", "[tool][map-text]") {
  const std::string old_log = ReadTextFile("tests/tool/data/log-6.1.txt");
  const std::string new_log = ReadTextFile("tests/tool/data/log-7.2.txt");
  const auto old_map = ParseE820Text(old_log, "log-6.1.txt");
  const auto new_map = ParseE820Text(new_log, "log-7.2.txt");
  REQUIRE(old_map.size() == 9);
  CHECK(old_map == new_map);
  CHECK(old_map[0] == Entry(0x0, 0x9fc00, MemType::kUsable));
  CHECK(old_map[3] == Entry(0x100000, 0x7ffdf000, MemType::kUsable));
  CHECK(old_map[8] == Entry(0xfd00000000, 0x10000000000, MemType::kReserved));
}

TEST_CASE("Lines read with and without what surrounds them", "[tool][map-text]") {
  const char* line = GENERATE("[mem 0x0000000000001000-0x0000000000001fff] usable",
                              "BIOS-e820: [mem 0x0000000000001000-0x0000000000001fff] usable",
                              "[    0.000000] BIOS-e820: [mem 0x0000000000001000-0x0000000000001fff] usable",
                              "<6>[    0.000000] BIOS-e820: [mem 0x0000000000001000-0x0000000000001fff] usable\r",
                              "user: [mem 0x1000-0x1fff] usable\n\n",
                              "BIOS-e820: [mem 0x0000000000001000-0x0000000000001fff]  System RAM",
                              "BIOS-e820: [mem 0x0000000000001000-0x0000000000001fff]    4 KB System RAM");
  INFO(line);
  CHECK(ParseE820Text(line, "map") == std::vector<MemEntry>{Entry(0x1000, 0x2000, MemType::kUsable)});
}

TEST_CASE("Of a whole log only the table counts", "[tool][map-text]") {
  const char* log =
      "[    0.000000] Linux version 6.1.0\n"
      "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable\n"
      "[    0.000000] e820: update [mem 0x00000000-0x00000fff] usable ==> reserved\n"
      "[    1.000000] e820: reserve RAM buffer [mem 0x0009fc00-0x0009ffff]\n";
  CHECK(ParseE820Text(log, "log") == std::vector<MemEntry>{Entry(0, 0x9fc00, MemType::kUsable)});
}

TEST_CASE("The extended table holds more than the first 128 entries", "[tool][map-text]") {
  const char* log =
      "BIOS-e820: [mem 0x0-0xfff] usable\n"
      "extended physical RAM map:\n"
      "extended: [mem 0x0-0xfff] usable\n"
      "extended: [mem 0x1000-0x1fff] reserved\n";
  CHECK(ParseE820Text(log, "log").size() == 2);
}

TEST_CASE("A line of a map that does not read is named", "[tool][map-text]") {
  struct Case {
    const char* text;
    const char* message;
  };
  const auto c =
      GENERATE(Case{"[mem 0x0-0xfff] usable\n[mem 0x1000-0x1fff] odd\n",
                    "map.txt:2: unknown type of memory: [mem 0x1000-0x1fff] odd"},
               Case{"[mem 0x1000-0x1fff] ", "map.txt:1: unknown type of memory: [mem 0x1000-0x1fff]"},
               Case{"[mem 0x1000-0x1fff usable", "map.txt:1: no ] after [mem: [mem 0x1000-0x1fff usable"},
               Case{"[mem 0x2000-0x1fff] usable", "map.txt:1: not a range of addresses: [mem 0x2000-0x1fff] usable"},
               Case{"[mem 0x1000+0x1fff] usable", "map.txt:1: not a range of addresses: [mem 0x1000+0x1fff] usable"},
               Case{"[mem 0x0-0xfffffffffffffffff] usable",
                    "map.txt:1: not a range of addresses: [mem 0x0-0xfffffffffffffffff] usable"},
               Case{"[mem 0x0-0x10000000000000] usable",
                    "map.txt:1: not a range of addresses: [mem 0x0-0x10000000000000] usable"},
               Case{"[mem 0x0-0xfff] usable\nword\n", "map.txt:2: no [mem 0x...-0x...]: word"},
               Case{"[mem 0x0-0xfff] \x1b[31m", "map.txt:1: unknown type of memory: [mem 0x0-0xfff] ?[31m"});
  INFO(c.text);
  CHECK(MessageOf(&ParseE820Text, c.text) == c.message);
}

TEST_CASE("The last byte of physical memory may be listed, the one after it not", "[tool][map-text]") {
  CHECK(RangeFromFirstLast(0, kPhysLimit - 1) == PhysRange::All());
  CHECK(RangeFromFirstLast(0, kPhysLimit) == std::nullopt);
  CHECK(RangeFromFirstLast(5, 5)->size() == 1);
  CHECK(RangeFromFirstLast(6, 5) == std::nullopt);
}

TEST_CASE("The resource tree gives what is memory, at any depth", "[tool][map-text]") {
  const auto map = ParseIomemText(ReadTextFile("tests/tool/data/iomem-7.2.txt"), "iomem");
  REQUIRE(map.size() == 10);
  CHECK(map[0] == Entry(0, 0x1000, MemType::kReserved));
  CHECK(map[1] == Entry(0x1000, 0x9fc00, MemType::kUsable));
  CHECK(map[6] == Entry(0xb0000000, 0xc0000000, MemType::kReserved));  // below the bus that owns it
}

TEST_CASE("A resource tree without addresses says who may see them", "[tool][map-text]") {
  CHECK(MessageOf(&ParseIomemText, "00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n") ==
        "map.txt: all addresses are 0: /proc/iomem shows them to root only");
}

TEST_CASE("A line of the resource tree that does not read is named", "[tool][map-text]") {
  CHECK(MessageOf(&ParseIomemText, "00001000-0009fbff : System RAM\n0009fc00 reserved\n") ==
        "map.txt:2: not FIRST-LAST : NAME: 0009fc00 reserved");
  CHECK(MessageOf(&ParseIomemText, "00001000-0009fbfg : System RAM\n") ==
        "map.txt:1: not a range of addresses: 00001000-0009fbfg : System RAM");
}

TEST_CASE("Hexadecimal is read whole or not at all", "[tool][map-text]") {
  CHECK(ParseHex("0x10") == 16);
  CHECK(ParseHex("ff\n") == 255);
  CHECK(ParseHex("ffffffffffffffff") == ~std::uint64_t{0});
  CHECK(ParseHex("10000000000000000") == std::nullopt);
  CHECK(ParseHex("") == std::nullopt);
  CHECK(ParseHex("0x") == std::nullopt);
  CHECK(ParseHex("10 20") == std::nullopt);
  CHECK(ParseHex("-1") == std::nullopt);
}

}  // namespace
}  // namespace holdfast::tool
