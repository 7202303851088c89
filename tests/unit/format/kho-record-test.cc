// SPDX-License-Identifier: BSD-2-Clause
// Tests of KHO's carrier: the payload of its setup_data node.

#include <catch2/catch.hpp>

#include <array>
#include <bit>

#include "common/abi/kho.h"
#include "common/format/kho.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::Between;
using test::CheckError;

template <typename T>
Result<KhoRecord> Decode(const T& payload) {
  return DecodeKhoRecord(std::as_bytes(std::span(&payload, 1)));
}

const KhoData kData = {Le64(0x4fb000), Le64(0x1000), Le64(0x3cff0000), Le64(48)};
const KhoData2023 kData2023 = {Le64(0x4fb000),  Le64(0x5000),   Le64(0x10000000),
                               Le64(0x1000000), Le64(0x600000), Le64(32)};

TEST_CASE("A record of 32 bytes names the tree and the array", "[format][kho]") {
  const auto record = Decode(kData);
  REQUIRE(record.ok());
  CHECK(record.value().fdt == Between(0x4fb000, 0x4fc000));
  CHECK(record.value().scratch == Between(0x3cff0000, 0x3cff0030));
  CHECK(record.value().mem_cache.empty());
  CHECK_FALSE(record.value().is_2023);
}

TEST_CASE("A record of 48 bytes names the tree, one area and the mem cache", "[format][kho]") {
  const auto record = Decode(kData2023);
  REQUIRE(record.ok());
  CHECK(record.value().fdt == Between(0x4fb000, 0x500000));
  CHECK(record.value().scratch == Between(0x10000000, 0x11000000));
  CHECK(record.value().mem_cache == Between(0x600000, 0x600020));
  CHECK(record.value().is_2023);
}

TEST_CASE("A record is written as it is read", "[format][kho]") {
  std::array<std::byte, 48> storage{};
  CHECK(DecodeKhoRecord(EncodeKhoRecord(Decode(kData).value(), storage)).value().scratch ==
        Between(0x3cff0000, 0x3cff0030));
  CHECK(EncodeKhoRecord(Decode(kData).value(), storage).size() == 32);
  CHECK(DecodeKhoRecord(EncodeKhoRecord(Decode(kData2023).value(), storage)).value().mem_cache ==
        Between(0x600000, 0x600020));
  CHECK(EncodeKhoRecord(Decode(kData2023).value(), storage).size() == 48);
}

TEST_CASE("A record of another size is refused with that size", "[format][kho]") {
  const std::array<std::byte, 64> bytes{};
  for (const std::size_t size : {std::size_t{0}, std::size_t{31}, std::size_t{33}, std::size_t{47}, std::size_t{49}}) {
    INFO(size);
    CheckError(DecodeKhoRecord(std::span(bytes).first(size)), Errc::kMalformed, size);
  }
}

struct Case {
  const char* name;
  std::size_t word;  // that gets `value`
  std::uint64_t value;
  Errc code;
  std::uint64_t where;
};

TEST_CASE("What is wrong in a record is named", "[format][kho]") {
  const auto c = GENERATE(Case{"tree not at a page", 0, 0x4fb010, Errc::kMisaligned, 0x4fb010},
                          Case{"tree past the limit", 0, kPhysLimit, Errc::kOutOfBounds, kPhysLimit},
                          Case{"tree of no bytes", 1, 0, Errc::kMalformed, 8},
                          Case{"tree of more than 256 KiB", 1, 0x40001, Errc::kTooLarge, 0x40000},
                          Case{"array past the limit", 2, kPhysLimit - 32, Errc::kOutOfBounds, kPhysLimit - 32},
                          Case{"array of no bytes", 3, 0, Errc::kMalformed, 24},
                          Case{"array of a part of an area", 3, 40, Errc::kMalformed, 24},
                          Case{"array of more than 256 KiB", 3, 0x40010, Errc::kTooLarge, 0x40000});
  INFO(c.name);
  auto words = std::bit_cast<std::array<Le64, 4>>(kData);
  words[c.word].Set(c.value);
  CheckError(Decode(words), c.code, c.where);
}

TEST_CASE("What is wrong in a record of 2023 is named", "[format][kho]") {
  const auto c = GENERATE(Case{"tree of more than 10 MiB", 1, 0xa00001, Errc::kTooLarge, 0xa00000},
                          Case{"area of no bytes", 3, 0, Errc::kMalformed, 24},
                          Case{"area past the limit", 3, kPhysLimit, Errc::kOutOfBounds, 0x10000000},
                          Case{"mem cache of a part of a range", 5, 24, Errc::kMalformed, 40},
                          Case{"mem cache past the limit", 4, kPhysLimit, Errc::kOutOfBounds, kPhysLimit},
                          Case{"mem cache of more than 10 MiB", 5, 0xa00010, Errc::kTooLarge, 0xa00000});
  INFO(c.name);
  auto words = std::bit_cast<std::array<Le64, 6>>(kData2023);
  words[c.word].Set(c.value);
  CheckError(Decode(words), c.code, c.where);
}

TEST_CASE("The largest tree of each record is taken", "[format][kho]") {
  KhoData data = kData;
  data.fdt_size.Set(0x40000);
  CHECK(Decode(data).ok());
  KhoData2023 data_2023 = kData2023;
  data_2023.dt_size.Set(0xa00000);
  data_2023.mem_cache_size.Set(0);
  CHECK(Decode(data_2023).ok());
}

TEST_CASE("Dialects are called what people call them", "[format][kho]") {
  CHECK(KhoDialectName(KhoDialect::kSeriesMem) == "kho-series");
  CHECK(KhoDialectName(KhoDialect::kSeriesMetadata) == "kho-series");
  CHECK(KhoDialectName(KhoDialect::kV1) == "kho-v1");
  CHECK(KhoDialectName(KhoDialect::kV2) == "kho-v2");
  CHECK(KhoDialectName(KhoDialect::kV3) == "kho-v3");
  CHECK(KhoDialectName(KhoDialect::kV4) == "kho-v4");
}

}  // namespace
}  // namespace holdfast
