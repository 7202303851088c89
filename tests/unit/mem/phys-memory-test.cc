// SPDX-License-Identifier: BSD-2-Clause
// The seam between addresses and bytes.

#include "common/mem/phys-memory.h"

#include <catch2/catch.hpp>

#include <array>

#include "tests/support/ranges.h"

namespace holdfast {
namespace {

constexpr std::array kBytes = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};

// The bytes lie at 0x1000.
const std::byte* Read(const void* backing, PhysRange range) {
  return R(0x1000, 0x1004).Contains(range) ? static_cast<const std::byte*>(backing) + (range.start().raw() - 0x1000)
                                           : nullptr;
}

TEST_CASE("A view is the bytes of its range, or unreadable as a whole", "[mem][phys-memory]") {
  const PhysMemory memory(Read, kBytes.data());
  const auto view = memory.View(R(0x1001, 0x1003));
  REQUIRE(view.ok());
  CHECK(view.value().data() == kBytes.data() + 1);
  CHECK(view.value().size() == 2);
  CHECK(memory.View(R(0x1000, 0x1004)).ok());
  CHECK(ErrorOf(memory.View(R(0x1000, 0x1005))) == Error{Errc::kUnreadable, 0x1000});
  CHECK(ErrorOf(memory.View(R(0xfff, 0x1001))) == Error{Errc::kUnreadable, 0xfff});
}

TEST_CASE("An empty view needs no memory", "[mem][phys-memory]") {
  const PhysMemory memory(Read, kBytes.data());
  CHECK(memory.View(R(0x9000, 0x9000)).value().empty());
}

}  // namespace
}  // namespace holdfast
