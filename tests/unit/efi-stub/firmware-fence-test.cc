// SPDX-License-Identifier: BSD-2-Clause

#include "efi-stub/firmware-fence.h"

#include <catch2/catch.hpp>

#include "tests/support/fake-firmware.h"
#include "tests/support/ranges.h"

namespace holdfast::efi {
namespace {

using test::FakeEfiMemory;
using test::FakeFirmware;

class Fenced {
 public:
  Fenced() : firmware_(fake.image(), fake.table()), ledger(firmware_), fence(ledger, storage_) {}

  FirmwareClaim Claim(std::uint64_t offset, std::uint64_t size, bool stays_ram = false) {
    return {fake.memory.Part(offset, size), stays_ram};
  }
  FakeEfiMemory::Entry Entry(std::uint64_t offset, std::uint64_t size, std::uint32_t type) {
    return {fake.memory.Part(offset, size), type, EFI_MEMORY_WB};
  }

  FakeFirmware fake;

 private:
  Firmware firmware_;
  std::array<FirmwareClaim, 4> storage_;

 public:
  Ledger ledger;
  FirmwareFence fence;
  Problem problem;
};

TEST_CASE("Claims are allocated, each by its type", "[efi][firmware-fence]") {
  Fenced f;
  const std::array wanted{f.Claim(0x1000, 0x3000), f.Claim(0x8000, 0x1000, /*stays_ram=*/true)};
  REQUIRE(f.fence.Claim(wanted, f.problem).ok());
  CHECK(f.fake.Taken() ==
        std::vector{f.Entry(0x1000, 0x3000, EfiReservedMemoryType), f.Entry(0x8000, 0x1000, EfiLoaderData)});

  SECTION("the same again changes nothing") {
    const auto calls = f.fake.calls["AllocatePages"];
    REQUIRE(f.fence.Claim(wanted, f.problem).ok());
    CHECK(f.fake.calls["AllocatePages"] == calls);
    CHECK(f.fake.calls["FreePages"] == 0);
  }
  SECTION("another type is allocated anew, and nothing else") {
    const std::array fenced{wanted[0], f.Claim(0x8000, 0x1000)};
    REQUIRE(f.fence.Claim(fenced, f.problem).ok());
    CHECK(f.fake.calls["FreePages"] == 1);
    CHECK(f.fake.Taken() ==
          std::vector{f.Entry(0x1000, 0x3000, EfiReservedMemoryType), f.Entry(0x8000, 0x1000, EfiReservedMemoryType)});
  }
  SECTION("a closed gap makes one of two") {
    const std::array joined{f.Claim(0x1000, 0x8000)};
    REQUIRE(f.fence.Claim(joined, f.problem).ok());
    CHECK(f.fake.Taken() == std::vector{f.Entry(0x1000, 0x8000, EfiReservedMemoryType)});
    CHECK(f.ledger.view().size() == 1);
  }
  SECTION("one can become two") {
    const std::array split{f.Claim(0x1000, 0x1000), f.Claim(0x2000, 0x2000, /*stays_ram=*/true), wanted[1]};
    REQUIRE(f.fence.Claim(split, f.problem).ok());
    CHECK(f.fake.Taken() == std::vector{f.Entry(0x1000, 0x1000, EfiReservedMemoryType),
                                        f.Entry(0x2000, 0x2000, EfiLoaderData),
                                        f.Entry(0x8000, 0x1000, EfiLoaderData)});
  }
  SECTION("what is not wanted any more is free again") {
    REQUIRE(f.fence.Claim({}, f.problem).ok());
    CHECK(f.fake.Taken().empty());
    CHECK(f.fence.view().empty());
  }
}

TEST_CASE("A claim of what firmware owns is refused, and named", "[efi][firmware-fence]") {
  Fenced f;
  f.fake.memory.Set(f.fake.memory.Part(0x9000, 0x1000), EfiBootServicesData);
  const std::array wanted{f.Claim(0x1000, 0x1000), f.Claim(0x8000, 0x2000)};
  REQUIRE_FALSE(f.fence.Claim(wanted, f.problem).ok());
  CHECK(f.problem.code == Errc::kFirmware);
  CHECK(f.problem.where == EFI_NOT_FOUND);
  CHECK(f.problem.range == wanted[1].range);
  f.ledger.FreeAll();
  CHECK(f.fake.Taken() == std::vector{f.Entry(0x9000, 0x1000, EfiBootServicesData)});
}

TEST_CASE("More claims than there is room for are refused", "[efi][firmware-fence]") {
  Fenced f;
  std::vector<FirmwareClaim> wanted;
  for (std::uint64_t i = 0; i < 5; ++i) {
    wanted.push_back(f.Claim(i * 0x2000, 0x1000));
  }
  CHECK(f.fence.Claim(wanted, f.problem).error() == Error{Errc::kTableFull, 4});
}

TEST_CASE("The pages of trees are held where nobody has them", "[efi][firmware-fence]") {
  Fenced f;
  const std::array wanted{f.Claim(0x2000, 0x1000)};
  REQUIRE(f.fence.Claim(wanted, f.problem).ok());
  const std::array owned{FirmwareRange{f.fake.memory.Part(0x10000, 0x4000), EfiMemoryType::kLoaderCode}};
  f.fake.memory.Set(owned[0].range, EfiLoaderCode);
  // The first begins below a claim and ends behind it, the second lies in firmware's memory, the third is no tree.
  const std::array found{FoundHandover{.at = f.fake.memory.Part(0x1800, 0x2000)},
                         FoundHandover{.at = f.fake.memory.Part(0x11000, 0x100)},
                         FoundHandover{.carrier = Carrier::kPkram, .at = f.fake.memory.Part(0x20000, 0x1000)}};
  REQUIRE(f.fence.HoldTrees(found, owned, f.problem).ok());
  CHECK(f.fake.Taken() == std::vector{f.Entry(0x1000, 0x1000, EfiLoaderData),
                                      f.Entry(0x2000, 0x1000, EfiReservedMemoryType),
                                      f.Entry(0x3000, 0x1000, EfiLoaderData), f.Entry(0x10000, 0x4000, EfiLoaderCode)});
  // Again: they are there already.
  REQUIRE(f.fence.HoldTrees(found, owned, f.problem).ok());
  CHECK(f.ledger.view().size() == 3);
}

}  // namespace
}  // namespace holdfast::efi
