// SPDX-License-Identifier: BSD-2-Clause
// Integers as they are stored.

#include "common/base/stored-int.h"

#include <catch2/catch.hpp>

namespace holdfast {
namespace {

template <typename T, std::size_t N>
void CheckStored(std::uint64_t value, const std::array<std::uint8_t, N>& bytes) {
  using Value = decltype(T().value());
  const T stored(static_cast<Value>(value));
  const auto raw = std::bit_cast<std::array<std::uint8_t, N>>(stored);
  CHECK(raw == bytes);
  CHECK(std::bit_cast<T>(bytes).value() == value);
}

TEST_CASE("Stored integers have the byte order of their name", "[base][stored-int]") {
  CheckStored<Le16>(0x1234, std::array<std::uint8_t, 2>{0x34, 0x12});
  CheckStored<Le32>(0x12345678, std::array<std::uint8_t, 4>{0x78, 0x56, 0x34, 0x12});
  CheckStored<Be32>(0x12345678, std::array<std::uint8_t, 4>{0x12, 0x34, 0x56, 0x78});
  CheckStored<Le64>(0x0102030405060708, std::array<std::uint8_t, 8>{8, 7, 6, 5, 4, 3, 2, 1});
  CheckStored<Be64>(0xf102030405060708, std::array<std::uint8_t, 8>{0xf1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("A stored integer is zero until it is set", "[base][stored-int]") {
  Be64 stored;
  CHECK(stored.value() == 0);
  stored.Set(~std::uint64_t{0});
  CHECK(stored.value() == ~std::uint64_t{0});
}

}  // namespace
}  // namespace holdfast
