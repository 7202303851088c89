// SPDX-License-Identifier: BSD-2-Clause
// Text put together in a buffer of fixed size.

#include "common/base/text-writer.h"

#include <catch2/catch.hpp>

#include <array>
#include <string>

namespace holdfast {
namespace {

TEST_CASE("Numbers are written without leading zeros", "[base][text-writer]") {
  struct Case {
    std::uint64_t value;
    const char* dec;
    const char* hex;
  };
  const auto c = GENERATE(Case{0, "0", "0x0"}, Case{9, "9", "0x9"}, Case{10, "10", "0xa"}, Case{15, "15", "0xf"},
                          Case{16, "16", "0x10"}, Case{0x7a200000, "2048917504", "0x7a200000"},
                          Case{~std::uint64_t{0}, "18446744073709551615", "0xffffffffffffffff"});
  TextBuffer<32> dec;
  TextBuffer<32> hex;
  CHECK(dec.Dec(c.value).view() == c.dec);
  CHECK(hex.Hex(c.value).view() == c.hex);
}

TEST_CASE("Sizes use the largest unit in which they are at least one", "[base][text-writer]") {
  struct Case {
    std::uint64_t bytes;
    const char* text;
  };
  constexpr std::uint64_t kMi = 1024 * 1024;
  const auto c = GENERATE_COPY(
      Case{0, "0 B"}, Case{1, "1 B"}, Case{1023, "1023 B"}, Case{1024, "1 KiB"}, Case{1025, "1.0 KiB"},
      Case{1126, "1.0 KiB"}, Case{1127, "1.1 KiB"}, Case{1536, "1.5 KiB"}, Case{2047, "1.9 KiB"}, Case{4096, "4 KiB"},
      Case{kMi - 1, "1023.9 KiB"}, Case{kMi, "1 MiB"}, Case{64 * kMi, "64 MiB"}, Case{1536 * kMi, "1.5 GiB"},
      Case{kMi * kMi, "1 TiB"}, Case{1024 * kMi * kMi, "1 PiB"}, Case{kMi * kMi * kMi - 1, "1023.9 PiB"},
      Case{kMi * kMi * kMi, "1 EiB"}, Case{~std::uint64_t{0}, "15.9 EiB"});
  TextBuffer<32> out;
  CHECK(out.Size(c.bytes).view() == c.text);
}

TEST_CASE("A counted noun has an s unless there is one of it", "[base][text-writer]") {
  TextBuffer<64> out;
  out.Count(0, "range").Text(", ").Count(1, "range").Text(", ").Count(2, "range");
  CHECK(out.view() == "0 ranges, 1 range, 2 ranges");
}

TEST_CASE("Bytes are written as two digits each", "[base][text-writer]") {
  constexpr std::array bytes = {std::byte{0x00}, std::byte{0x0f}, std::byte{0xa0}, std::byte{0xff}};
  TextBuffer<32> out;
  CHECK(out.HexBytes(bytes).view() == "000fa0ff");
}

TEST_CASE("Untrusted text becomes printable ASCII", "[base][text-writer]") {
  TextBuffer<32> out;
  out.Untrusted(std::string_view("a b~\x1b[2J\x7f\x80\xff\0\n", 13));
  CHECK(out.view() == "a b~?[2J?????");
}

TEST_CASE("Text that just fits is whole, and one byte more ends it in dots", "[base][text-writer]") {
  TextBuffer<8> out;
  out.Text("12345678");
  CHECK(out.view() == "12345678");
  CHECK_FALSE(out.truncated());
  out.Text("9");
  CHECK(out.view() == "12345...");
  CHECK(out.truncated());
  out.Text("more").Dec(1);
  CHECK(out.view() == "12345...");
  out.Clear();
  CHECK(out.Text("again").view() == "again");
  CHECK_FALSE(out.truncated());
}

TEST_CASE("A buffer shorter than the dots holds as many as fit", "[base][text-writer]") {
  TextBuffer<2> two;
  CHECK(two.Text("abc").view() == "..");
  TextWriter none{std::span<char>()};
  CHECK(none.Text("a").view().empty());
  CHECK(none.truncated());
}

}  // namespace
}  // namespace holdfast
