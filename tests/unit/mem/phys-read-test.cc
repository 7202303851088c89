// SPDX-License-Identifier: BSD-2-Clause

#include "common/mem/phys-read.h"

#include <vector>

#include "tests/support/fake-memory.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

TEST_CASE("A layout is read at any address", "[mem][phys-read]") {
  test::FakeMemory memory;
  memory.AddParts(0x1003, Le64(0x1122334455667788));
  CHECK(ReadAt<Le64>(memory.memory(), PhysAddr(0x1003)).value().value() == 0x1122334455667788);
  CHECK(ErrorOf(ReadAt<Le64>(memory.memory(), PhysAddr(0x1004))) == Error{Errc::kUnreadable, 0x1004});
  CHECK(ErrorOf(ReadAt<Le64>(memory.memory(), PhysAddr(kPhysLimit - 7))) == Error{Errc::kOutOfBounds, kPhysLimit - 7});
}

TEST_CASE("A page is read whole or not at all", "[mem][phys-read]") {
  test::FakeMemory memory;
  std::vector<std::byte> bytes(kPageSize);
  bytes[8] = std::byte{7};
  bytes[kPageSize - 1] = std::byte{1};
  memory.Add(0x5000, bytes);
  memory.Add(0x7000, std::span(bytes).first(kPageSize - 1));
  const auto page = StoredPage::At(memory.memory(), PhysAddr(0x5000));
  REQUIRE(page.ok());
  CHECK(page.value().range() == R(0x5000, 0x6000));
  CHECK(page.value().U64(8) == 7);
  CHECK(page.value().U64(kPageSize - 8) == std::uint64_t{1} << 56);
  CHECK(page.value().WhereOf(16) == 0x5010);
  CHECK(ErrorOf(StoredPage::At(memory.memory(), PhysAddr(0x5008))) == Error{Errc::kMisaligned, 0x5008});
  CHECK(ErrorOf(StoredPage::At(memory.memory(), PhysAddr(0x7000))) == Error{Errc::kUnreadable, 0x7000});
  CHECK(ErrorOf(StoredPage::At(memory.memory(), PhysAddr(kPhysLimit))) == Error{Errc::kOutOfBounds, kPhysLimit});
}

TEST_CASE("A page frame number that no address can have leads nowhere", "[mem][phys-read]") {
  CHECK(AddressOfPfn(0) == PhysAddr(0));
  CHECK(AddressOfPfn(5) == PhysAddr(0x5000));
  CHECK(AddressOfPfn(kPhysLimit / kPageSize) == PhysAddr(kPhysLimit));
  for (const std::uint64_t pfn : {kPhysLimit / kPageSize + 1, std::uint64_t{1} << 52, ~std::uint64_t{0}}) {
    CHECK(AddressOfPfn(pfn) > PhysAddr(kPhysLimit));
    CHECK(IsAligned(AddressOfPfn(pfn).raw(), kPageSize));
  }
}

}  // namespace
}  // namespace holdfast
