// SPDX-License-Identifier: BSD-2-Clause
// Tests of badram= and memmap=.

#include "common/format/memory-lists.h"

#include <catch2/catch.hpp>

#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::Between;
using test::CheckError;

using List = FixedVector<ListedRange, 16>;

std::vector<PhysRange> RangesOf(const List& list) {
  std::vector<PhysRange> out;
  for (const ListedRange& each : list) {
    out.push_back(each.range);
  }
  return out;
}

std::vector<PhysRange> BadRam(std::string_view text) {
  List list;
  REQUIRE(DecodeBadRam(text, list).ok());
  return RangesOf(list);
}

TEST_CASE("A full mask names one page", "[format][memory-lists]") {
  CHECK(BadRam("0x01000400,0xfffffffffffffffc") == std::vector{Between(0x1000000, 0x1001000)});
  CHECK(BadRam("0x7ddf0000,0xffffc000") == std::vector{Between(0x7ddf0000, 0x7ddf4000)});
}

TEST_CASE("A hole in a mask names a page for each value of it", "[format][memory-lists]") {
  CHECK(BadRam("0x100000,0xffffffffff9ff000") == std::vector{Between(0x100000, 0x101000), Between(0x300000, 0x301000),
                                                             Between(0x500000, 0x501000), Between(0x700000, 0x701000)});
  // Bits of the address that the mask does not look at do not count.
  CHECK(BadRam("0x700fff,0xffffffffff9ff000") == BadRam("0x100000,0xffffffffff9ff000"));
}

TEST_CASE("A mask of 32 bits speaks of the first 4 GiB, or of the high bits it was written with",
          "[format][memory-lists]") {
  CHECK(BadRam("0x2000,0xfffff000") == std::vector{Between(0x2000, 0x3000)});
  CHECK(BadRam("0x100002000,0xfffff000") == std::vector{Between(0x100002000, 0x100003000)});
}

TEST_CASE("Pairs follow one another", "[format][memory-lists]") {
  CHECK(BadRam("8192,0xfffff000,0x5000,0xfffff000") == std::vector{Between(0x2000, 0x3000), Between(0x5000, 0x6000)});
}

TEST_CASE("A list of bad memory that does not read is refused where it goes wrong", "[format][memory-lists]") {
  List list;
  CheckError(DecodeBadRam("", list), Errc::kMalformed, 0);
  CheckError(DecodeBadRam("0x1000", list), Errc::kMalformed, 0);
  CheckError(DecodeBadRam("0x1000,", list), Errc::kMalformed, 0);
  CheckError(DecodeBadRam("0x1000,0xfffff000,", list), Errc::kMalformed, 18);
  CheckError(DecodeBadRam("0x1000,0xfffff000,0x2000", list), Errc::kMalformed, 18);
  CheckError(DecodeBadRam("0x1000,oxfffff000", list), Errc::kMalformed, 0);
  CheckError(DecodeBadRam("0x1000,0xfff", list), Errc::kMalformed, 0);
  CheckError(DecodeBadRam("0x10000000000000,0xfffff000", list), Errc::kOutOfBounds, 0);
}

TEST_CASE("A mask that means too many ranges is refused", "[format][memory-lists]") {
  std::vector<ListedRange> storage(kMaxBadRamRanges);
  BoundedVector<ListedRange> list(storage);
  // Bits 13 to 28: sixteen of them.
  REQUIRE(DecodeBadRam("0,0xffffffffe0001000", list).ok());
  CHECK(list.size() == kMaxBadRamRanges);
  CHECK(list[1].range == Between(0x2000, 0x3000));
  CHECK(list.back().range == Between(0x1fffe000, 0x1ffff000));
  CheckError(DecodeBadRam("0,0xffffffffe0001000", list), Errc::kTableFull, kMaxBadRamRanges);
  CheckError(DecodeBadRam("0,0xffffffffc0001000", list), Errc::kTooLarge, 0);
}

TEST_CASE("memmap= keeps what it reserves and what it makes persistent", "[format][memory-lists]") {
  List list;
  REQUIRE(DecodeMemmapList("64M$0x10000000,1G!4G,8K$010000", list).ok());
  REQUIRE(list.size() == 3);
  CHECK(list[0] == ListedRange{Between(0x10000000, 0x14000000), Fence::kReserved});
  CHECK(list[1] == ListedRange{Between(0x100000000, 0x140000000), Fence::kPram});
  CHECK(list[2] == ListedRange{Between(0x1000, 0x3000), Fence::kReserved});
}

TEST_CASE("memmap= in its other forms keeps nothing", "[format][memory-lists]") {
  List list;
  REQUIRE(DecodeMemmapList("exactmap,640K@0,1M#0x7ff00000,2G%0x0-1+2,4G", list).ok());
  CHECK(list.empty());
}

TEST_CASE("A memmap= that does not read is refused where it goes wrong", "[format][memory-lists]") {
  List list;
  CheckError(DecodeMemmapList("", list), Errc::kMalformed, 0);
  CheckError(DecodeMemmapList("1M$", list), Errc::kMalformed, 0);
  CheckError(DecodeMemmapList("1M$0x1000,0$0x1000", list), Errc::kMalformed, 10);
  CheckError(DecodeMemmapList("1M$0x1000,$0x1000", list), Errc::kMalformed, 10);
  CheckError(DecodeMemmapList("1M$0x1000,,", list), Errc::kMalformed, 10);
  CheckError(DecodeMemmapList("1X$0x1000", list), Errc::kMalformed, 0);
  CheckError(DecodeMemmapList("4K$0x10000000000000", list), Errc::kOutOfBounds, 0);
}

}  // namespace
}  // namespace holdfast
