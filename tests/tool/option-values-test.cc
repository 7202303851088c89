// SPDX-License-Identifier: BSD-2-Clause
// What stands after an option.

#include "tools/mkhandover/option-values.h"

#include <catch2/catch.hpp>

#include "tests/support/ranges.h"
#include "tools/mkhandover/failure.h"

namespace holdfast::tool {
namespace {

PhysRange Range(std::uint64_t start, std::uint64_t size) {
  return PhysRange::FromStartSize(PhysAddr(start), size).value();
}

template <typename Parse>
std::string MessageOf(Parse parse) {
  try {
    parse();
  } catch (const Failure& failure) {
    CHECK(failure.code() == ExitCode::kUsage);
    return failure.what();
  }
  return "no failure";
}

TEST_CASE("Sizes come in decimal, in hexadecimal and with units of 1024", "[tool][option-values]") {
  struct Case {
    const char* text;
    std::uint64_t value;
  };
  const auto c = GENERATE(Case{"0", 0}, Case{"4096", 4096}, Case{"0x1000", 0x1000}, Case{"4K", 4096}, Case{"4k", 4096},
                          Case{"2M", 2 * kMiB}, Case{"1G", kGiB}, Case{"1T", 1024 * kGiB}, Case{"0x10M", 16 * kMiB});
  INFO(c.text);
  CHECK(ParseSizeOption("--x", c.text) == c.value);
}

TEST_CASE("What is no size is refused by name", "[tool][option-values]") {
  const char* text = GENERATE("", "K", "12Q", "1.5G", "-1", "0x", "18446744073709551616", "16777216T", "4 K");
  INFO(text);
  CHECK(MessageOf([&] { ParseSizeOption("--seed", text); }) ==
        std::string("--seed ") + text + ": not a number; write 4096, 0x1000, 4K, 2M, 1G or 1T");
}

TEST_CASE("A range is START+SIZE", "[tool][option-values]") {
  CHECK(ParseRangeOption("--x", "0x10000000+128M") == Range(0x10000000, 128 * kMiB));
  CHECK(ParseRangeOption("--x", "4G+1G") == Range(4 * kGiB, kGiB));
  CHECK(ParseRangeOption("--x", "0+0x10000000000000") == PhysRange::All());
  const char* bad = GENERATE("", "+", "1M", "1M+", "+1M", "1M-2M", "1M+2M+3M", "x+1M");
  INFO(bad);
  CHECK(MessageOf([&] { ParseRangeOption("--scratch", bad); }) ==
        std::string("--scratch ") + bad + ": not START+SIZE; write for example 0x10000000+128M");
}

TEST_CASE("A range is neither empty nor past the end of memory", "[tool][option-values]") {
  CHECK(MessageOf([] { ParseRangeOption("--x", "1M+0"); }) == "--x 1M+0: the size is 0");
  CHECK(MessageOf([] { ParseRangeOption("--x", "1+0x10000000000000"); }) ==
        "--x 1+0x10000000000000: ends past 0x10000000000000, where physical memory ends");
  CHECK(MessageOf([] { ParseRangeOption("--x", "0xffffffffffffffff+0xffffffffffffffff"); }) != "no failure");
}

TEST_CASE("A segment has a name", "[tool][option-values]") {
  CHECK(ParseNamedRangeOption("--segment", "1M+2M,initrd", "") == NamedRange{"initrd", Range(kMiB, 2 * kMiB)});
  CHECK(ParseNamedRangeOption("--in-use", "1M+2M", "in use") == NamedRange{"in use", Range(kMiB, 2 * kMiB)});
  CHECK(MessageOf([] { ParseNamedRangeOption("--segment", "1M+2M", ""); }) ==
        "--segment 1M+2M: the name is missing; write START+SIZE,NAME");
  CHECK(MessageOf([] { ParseNamedRangeOption("--in-use", "1M+2M,", "in use"); }) ==
        "--in-use 1M+2M,: the name is missing; write START+SIZE,NAME");
}

TEST_CASE("A kept range takes a name, a fence and an owner in any order", "[tool][option-values]") {
  CHECK(ParsePreserveOption("1M+2M") ==
        PreserveOption{.range = Range(kMiB, 2 * kMiB), .name = {}, .fence = Fence::kReserved, .owner = {}});
  const PreserveOption full{.range = Range(kMiB, 2 * kMiB), .name = "db", .fence = Fence::kPram, .owner = "pg 15"};
  CHECK(ParsePreserveOption("1M+2M,name=db,fence=pram,owner=pg 15") == full);
  CHECK(ParsePreserveOption("1M+2M,owner=pg 15,fence=pram,name=db") == full);
  CHECK(ParsePreserveOption("1M+2M,fence=held").fence == Fence::kHeld);
  CHECK(ParsePreserveOption("1M+2M,fence=pmem").fence == Fence::kPmem);
}

TEST_CASE("What else stands after a kept range is refused", "[tool][option-values]") {
  struct Case {
    const char* text;
    const char* why;
  };
  const auto c = GENERATE(
      Case{"1M+2M,", "after the range come name=, fence= and owner=, each with a value"},
      Case{"1M+2M,name", "after the range come name=, fence= and owner=, each with a value"},
      Case{"1M+2M,name=", "after the range come name=, fence= and owner=, each with a value"},
      Case{"1M+2M,nome=x", "after the range come name=, fence= and owner="},
      Case{"1M+2M,owner=mkhandover", "that owner is mkhandover's own"},
      Case{"1M+2M,owner=mkhandover-store", "that owner is mkhandover's own"},
      Case{"1M+2M,fence=soft", "no such fence; there are reserved, held, pmem and pram"},
      Case{"1M+2M,name=a/b", "a name has 1 to 31 of the characters 0-9 A-Z a-z . _ + -"},
      Case{"1M+2M,name=abcdefghijklmnopqrstuvwxyz012345", "a name has 1 to 31 of the characters 0-9 A-Z a-z . _ + -"});
  INFO(c.text);
  CHECK(MessageOf([&] { ParsePreserveOption(c.text); }) == std::string("--preserve ") + c.text + ": " + c.why);
}

TEST_CASE("A file's name becomes a node's name", "[tool][option-values]") {
  CHECK(MakeNodeName("guest0") == "guest0");
  CHECK(MakeNodeName("vm disk@1:2") == "vm-disk-1-2");
  CHECK(MakeNodeName("") == "file");
  CHECK(MakeNodeName("abcdefghijklmnopqrstuvwxyz0123456789") == "abcdefghijklmnopqrstuvwxyz01234");
  CHECK(IsNodeName(MakeNodeName("\xc3\xa4 \n")));
  CHECK_FALSE(IsNodeName(""));
}

}  // namespace
}  // namespace holdfast::tool
