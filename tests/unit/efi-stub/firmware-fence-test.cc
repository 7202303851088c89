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
  Fenced() : firmware_(fake.image(), fake.table()), ledger(firmware_), fence(ledger, storage_, bounce_) {}

  FirmwareClaim Claim(std::uint64_t offset, std::uint64_t size, bool stays_ram = false) {
    return {fake.memory.Part(offset, size), stays_ram};
  }
  FakeEfiMemory::Entry Entry(std::uint64_t offset, std::uint64_t size, std::uint32_t type) {
    return {fake.memory.Part(offset, size), type, EFI_MEMORY_WB};
  }

  Ledger::Room room() { return {.bounce = bounce_, .map = map_, .entries = entries_}; }

  FakeFirmware fake;

 private:
  Firmware firmware_;
  std::array<FirmwareClaim, 4> storage_;
  std::array<std::byte, 2 * kPageSize> bounce_;
  alignas(16) std::array<std::byte, kPageSize> map_;
  std::array<FirmwareRange, 64> entries_;

 public:
  Ledger ledger;
  FirmwareFence fence;
  Problem problem;
};

TEST_CASE("Claims are allocated, each by its type", "[efi][firmware-fence]") {
  Fenced f;
  const std::array wanted{f.Claim(0x1000, 0x3000), f.Claim(0x8000, 0x1000, /*stays_ram=*/true)};
  REQUIRE(f.fence.Claim(wanted, {}, f.problem).ok());
  CHECK(f.fake.Taken() ==
        std::vector{f.Entry(0x1000, 0x3000, EfiReservedMemoryType), f.Entry(0x8000, 0x1000, EfiLoaderData)});

  SECTION("the same again changes nothing") {
    const auto calls = f.fake.calls["AllocatePages"];
    REQUIRE(f.fence.Claim(wanted, {}, f.problem).ok());
    CHECK(f.fake.calls["AllocatePages"] == calls);
    CHECK(f.fake.calls["FreePages"] == 0);
  }
  SECTION("another type is allocated anew, and nothing else") {
    const std::array fenced{wanted[0], f.Claim(0x8000, 0x1000)};
    REQUIRE(f.fence.Claim(fenced, {}, f.problem).ok());
    CHECK(f.fake.calls["FreePages"] == 1);
    CHECK(f.fake.Taken() ==
          std::vector{f.Entry(0x1000, 0x3000, EfiReservedMemoryType), f.Entry(0x8000, 0x1000, EfiReservedMemoryType)});
  }
  SECTION("a closed gap is claimed between what was, and that keeps its contents") {
    const std::array joined{f.Claim(0x1000, 0x8000)};
    REQUIRE(f.fence.Claim(joined, {}, f.problem).ok());
    CHECK(f.fake.Taken() == std::vector{f.Entry(0x1000, 0x8000, EfiReservedMemoryType)});
    CHECK(f.fake.calls["FreePages"] == 1);
    f.ledger.FreeAll();
    CHECK(f.fake.Taken().empty());
  }
  SECTION("one can become two") {
    const std::array split{f.Claim(0x1000, 0x1000), f.Claim(0x2000, 0x2000, /*stays_ram=*/true), wanted[1]};
    REQUIRE(f.fence.Claim(split, {}, f.problem).ok());
    CHECK(f.fake.Taken() == std::vector{f.Entry(0x1000, 0x1000, EfiReservedMemoryType),
                                        f.Entry(0x2000, 0x2000, EfiLoaderData),
                                        f.Entry(0x8000, 0x1000, EfiLoaderData)});
  }
  SECTION("what is not wanted any more is free again") {
    REQUIRE(f.fence.Claim({}, {}, f.problem).ok());
    CHECK(f.fake.Taken().empty());
    CHECK(f.fence.view().empty());
  }
}

TEST_CASE("What is kept keeps its contents, whatever becomes of its claim", "[efi][firmware-fence]") {
  Fenced f;
  // More than one piece and no whole number of them: the bounce buffer has two pages.
  const auto bytes = f.fake.memory.Bytes(f.fake.memory.Part(0x1000, 0x5000));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(i * 7 + i / kPageSize);
  }
  const std::vector before(bytes.begin(), bytes.end());
  const auto is_intact = [&] { return std::ranges::equal(bytes, before); };
  const std::array first{f.Claim(0x1000, 0x5000)};
  REQUIRE(f.fence.Claim(first, {}, f.problem).ok());

  SECTION("another type") {
    const std::array wanted{f.Claim(0x1000, 0x5000, /*stays_ram=*/true)};
    REQUIRE(f.fence.Claim(wanted, {}, f.problem).ok());
    CHECK(f.fake.Taken() == std::vector{f.Entry(0x1000, 0x5000, EfiLoaderData)});
  }
  SECTION("more of it, and a part of another type") {
    const std::array wanted{f.Claim(0x0000, 0x2000), f.Claim(0x2000, 0x5000, /*stays_ram=*/true)};
    REQUIRE(f.fence.Claim(wanted, {}, f.problem).ok());
    CHECK(f.fake.Taken() ==
          std::vector{f.Entry(0x0000, 0x2000, EfiReservedMemoryType), f.Entry(0x2000, 0x5000, EfiLoaderData)});
  }
  SECTION("another type, which firmware does not give") {
    f.fake.failing["AllocatePages"] = EFI_OUT_OF_RESOURCES;
    const std::array wanted{f.Claim(0x1000, 0x5000, /*stays_ram=*/true)};
    CHECK(f.fence.Claim(wanted, {}, f.problem).error() == Error{Errc::kFirmware, EFI_OUT_OF_RESOURCES});
    CHECK(f.problem.range == wanted[0].range);
    // All but the piece that was on its way.
    CHECK(std::ranges::equal(bytes.subspan(0x2000), std::span(before).subspan(0x2000)));
    f.ledger.FreeAll();
    CHECK(f.fake.Taken().empty());
    return;
  }
  CHECK(is_intact());
  f.ledger.FreeAll(f.room());
  CHECK(f.fake.Taken().empty());
  CHECK(is_intact());
}

TEST_CASE("Pages that firmware does not say to be free are not written after they were given back",
          "[efi][firmware-fence]") {
  Fenced f;
  const auto bytes = f.fake.memory.Bytes(f.fake.memory.Part(0x1000, 0x1000));
  std::ranges::fill(bytes, std::byte{0x11});
  REQUIRE(f.ledger.AllocateAt(f.fake.memory.Part(0x1000, 0x1000), EfiReservedMemoryType).ok());
  f.ledger.FreeAll({.bounce = f.room().bounce, .map = {}, .entries = f.room().entries});
  CHECK(bytes[0] != std::byte{0x11});
}

TEST_CASE("A tree in a gap that is not claimed any more is held as it is", "[efi][firmware-fence]") {
  Fenced f;
  const std::array found{FoundHandover{.at = f.fake.memory.Part(0x3800, 0x1000)},
                         FoundHandover{.carrier = Carrier::kPkram, .at = f.fake.memory.Part(0x6000, 0x1000)}};
  const auto tree = f.fake.memory.Bytes(found[0].at);
  std::ranges::fill(tree, std::byte{0x7e});
  const std::array closed{f.Claim(0x1000, 0x8000)};
  REQUIRE(f.fence.Claim(closed, found, f.problem).ok());
  const std::array open{f.Claim(0x8000, 0x1000)};
  REQUIRE(f.fence.Claim(open, found, f.problem).ok());
  CHECK(std::ranges::all_of(tree, [](std::byte b) { return b == std::byte{0x7e}; }));
  CHECK(f.fake.Taken() ==
        std::vector{f.Entry(0x3000, 0x2000, EfiLoaderData), f.Entry(0x8000, 0x1000, EfiReservedMemoryType)});
}

TEST_CASE("Claims go from the top down", "[efi][firmware-fence]") {
  Fenced f;
  f.fake.memory.Set(f.fake.memory.Part(0x2000, 0x1000), EfiBootServicesData);
  const std::array wanted{f.Claim(0x2000, 0x1000), f.Claim(0x8000, 0x1000)};
  REQUIRE_FALSE(f.fence.Claim(wanted, {}, f.problem).ok());
  REQUIRE(f.ledger.view().size() == 1);
  CHECK(f.ledger.view()[0] == wanted[1].range);
}

TEST_CASE("What a kernel may take over is claimed as RAM until it is known", "[efi][firmware-fence]") {
  std::array<KeptRange, 4> storage;
  PreservedMap kept(storage);
  REQUIRE(kept.Add({.range = R(0x2000, 0x3000), .source = 1}).ok());
  REQUIRE(kept.Add({.range = R(0x4000, 0x5000), .source = 2}).ok());
  REQUIRE(kept.Add({.range = R(0x8000, 0x9000), .source = 1}).ok());
  REQUIRE(kept.Add({.range = R(0xb000, 0xc000), .source = 2}).ok());
  REQUIRE(kept.Seal().ok());
  std::array claims{FirmwareClaim{R(0x1000, 0x2000)}, FirmwareClaim{R(0x2000, 0x5000)},
                    FirmwareClaim{R(0x8000, 0x9000), true}, FirmwareClaim{R(0x9000, 0xc000)}};
  ClaimAsRam(kept, 2, claims);
  CHECK(claims == std::array{FirmwareClaim{R(0x1000, 0x2000)}, FirmwareClaim{R(0x2000, 0x5000), true},
                             FirmwareClaim{R(0x8000, 0x9000), true}, FirmwareClaim{R(0x9000, 0xc000), true}});
  claims = {FirmwareClaim{R(0x1000, 0x2000)}, FirmwareClaim{R(0x2000, 0x5000)}, FirmwareClaim{R(0x8000, 0x9000)},
            FirmwareClaim{R(0x9000, 0xc000)}};
  ClaimAsRam(kept, 1, claims);
  CHECK(claims == std::array{FirmwareClaim{R(0x1000, 0x2000)}, FirmwareClaim{R(0x2000, 0x5000), true},
                             FirmwareClaim{R(0x8000, 0x9000), true}, FirmwareClaim{R(0x9000, 0xc000)}});
}

TEST_CASE("A claim of what firmware owns is refused, and named", "[efi][firmware-fence]") {
  Fenced f;
  f.fake.memory.Set(f.fake.memory.Part(0x9000, 0x1000), EfiBootServicesData);
  const std::array wanted{f.Claim(0x1000, 0x1000), f.Claim(0x8000, 0x2000)};
  REQUIRE_FALSE(f.fence.Claim(wanted, {}, f.problem).ok());
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
  CHECK(f.fence.Claim(wanted, {}, f.problem).error() == Error{Errc::kTableFull, 4});
}

TEST_CASE("The pages of trees are held where nobody has them", "[efi][firmware-fence]") {
  Fenced f;
  const std::array wanted{f.Claim(0x2000, 0x1000)};
  REQUIRE(f.fence.Claim(wanted, {}, f.problem).ok());
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
