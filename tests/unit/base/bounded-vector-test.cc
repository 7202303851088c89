// SPDX-License-Identifier: BSD-2-Clause
// Lists with a capacity that never grows.

#include "common/base/bounded-vector.h"

#include <catch2/catch.hpp>

#include <vector>

#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using Ints = FixedVector<int, 4>;

void Fill(Ints& ints, int count) {
  for (int i = 0; i < count; ++i) {
    REQUIRE(ints.Append(i).ok());
  }
}

TEST_CASE("A full list takes no more, and stays as it was", "[base][bounded-vector]") {
  Ints ints;
  CHECK(ints.empty());
  Fill(ints, 4);
  CHECK(ErrorOf(ints.Append(9)) == Error{Errc::kTableFull, 4});
  CHECK(ErrorOf(ints.Insert(0, 9)) == Error{Errc::kTableFull, 4});
  CHECK(List(ints.view()) == std::vector{0, 1, 2, 3});
}

TEST_CASE("A list without storage is full from the start", "[base][bounded-vector]") {
  BoundedVector<int> none;
  CHECK(none.capacity() == 0);
  CHECK(ErrorOf(none.Append(1)) == Error{Errc::kTableFull, 0});
}

TEST_CASE("Insert makes room anywhere from the front to the end", "[base][bounded-vector]") {
  const std::size_t at = GENERATE(std::size_t{0}, 1, 2, 3);
  Ints ints;
  Fill(ints, 3);
  std::vector<int> expected = {0, 1, 2};
  expected.insert(expected.begin() + static_cast<std::ptrdiff_t>(at), 9);
  REQUIRE(ints.Insert(at, 9).ok());
  CHECK(List(ints.view()) == expected);
}

TEST_CASE("Insert takes the value even if it is an element that moves", "[base][bounded-vector]") {
  Ints ints;
  Fill(ints, 3);
  REQUIRE(ints.Insert(0, ints[2]).ok());
  CHECK(List(ints.view()) == std::vector{2, 0, 1, 2});
}

TEST_CASE("Erase removes a part, and may remove nothing or all", "[base][bounded-vector]") {
  struct Case {
    std::size_t first;
    std::size_t last;
    std::vector<int> left;
  };
  const auto c = GENERATE(Case{0, 0, {0, 1, 2, 3}}, Case{4, 4, {0, 1, 2, 3}}, Case{0, 1, {1, 2, 3}}, Case{1, 3, {0, 3}},
                          Case{3, 4, {0, 1, 2}}, Case{0, 4, {}});
  Ints ints;
  Fill(ints, 4);
  ints.Erase(c.first, c.last);
  CHECK(List(ints.view()) == c.left);
}

TEST_CASE("Truncate and Clear drop from the end", "[base][bounded-vector]") {
  Ints ints;
  Fill(ints, 4);
  ints.Truncate(2);
  CHECK(List(ints.view()) == std::vector{0, 1});
  CHECK(ints.back() == 1);
  ints.Clear();
  CHECK(ints.empty());
}

}  // namespace
}  // namespace holdfast
