// SPDX-License-Identifier: BSD-2-Clause
// The one gate through which bytes become values.

#include "common/base/byte-reader.h"

#include <catch2/catch.hpp>

#include <array>

#include "common/base/stored-int.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

constexpr std::array kBytes = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}, std::byte{6}};

TEST_CASE("Read takes values one after another, at any alignment", "[base][byte-reader]") {
  ByteReader reader(kBytes);
  CHECK(reader.Read<std::byte>().value() == std::byte{1});
  CHECK(reader.Read<Be32>().value().value() == 0x02030405);
  CHECK(reader.position() == 5);
  CHECK(reader.remaining() == 1);
  CHECK_FALSE(reader.done());
  CHECK(reader.Read<std::byte>().ok());
  CHECK(reader.done());
}

TEST_CASE("A read past the end says where bytes are missing, and moves nothing", "[base][byte-reader]") {
  ByteReader reader(kBytes);
  REQUIRE(reader.Seek(3).ok());
  CHECK(ErrorOf(reader.Read<Le32>()) == Error{Errc::kTruncated, 6});
  CHECK(ErrorOf(reader.Take(4)) == Error{Errc::kTruncated, 6});
  CHECK(ErrorOf(reader.Take(~std::uint64_t{0})) == Error{Errc::kTruncated, 6});
  CHECK(ErrorOf(reader.Seek(7)) == Error{Errc::kTruncated, 6});
  CHECK(reader.position() == 3);
}

TEST_CASE("Take and Seek reach the very end", "[base][byte-reader]") {
  ByteReader reader(kBytes);
  CHECK(reader.Take(6).value().size() == 6);
  CHECK(reader.Take(0).ok());
  CHECK(reader.Seek(6).ok());
  CHECK(reader.done());
  CHECK(reader.Seek(0).ok());
  CHECK(reader.Take(2).value().data() == kBytes.data());
}

}  // namespace
}  // namespace holdfast
