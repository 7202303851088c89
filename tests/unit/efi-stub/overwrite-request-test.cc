// SPDX-License-Identifier: BSD-2-Clause

#include "efi-stub/overwrite-request.h"

#include <catch2/catch.hpp>

#include "tests/support/fake-firmware.h"

namespace holdfast::efi {
namespace {

using test::FakeFirmware;

constexpr const char16_t* kName = u"MemoryOverwriteRequestControl";
constexpr std::uint32_t kAttributes =
    EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS;

void SetRequest(FakeFirmware& fake, const test::Bytes& bytes) {
  fake.SetVariable(kName, kOverwriteRequestGuid, kAttributes, bytes);
}

TEST_CASE("Bit 0 alone asks for memory to be overwritten", "[efi][overwrite-request]") {
  struct Case {
    test::Bytes bytes;
    OverwriteState state;
  };
  const auto c =
      GENERATE(Case{{std::byte{0x00}}, OverwriteState::kClear}, Case{{std::byte{0x01}}, OverwriteState::kSet},
               Case{{std::byte{0x10}}, OverwriteState::kClear}, Case{{std::byte{0x11}}, OverwriteState::kSet});
  FakeFirmware fake;
  SetRequest(fake, c.bytes);
  CHECK(ReadOverwriteRequest(Firmware(fake.image(), fake.table())) == c.state);
}

TEST_CASE("Without the variable there is no request", "[efi][overwrite-request]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  CHECK(ReadOverwriteRequest(firmware) == OverwriteState::kNone);
  CHECK(ClearOverwriteRequest(firmware) == OverwriteState::kNone);
  CHECK(fake.variables.empty());
}

TEST_CASE("A variable that cannot be understood does not say that memory stays", "[efi][overwrite-request]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  SECTION("of another size") { SetRequest(fake, {std::byte{0}, std::byte{0}}); }
  SECTION("unreadable") {
    SetRequest(fake, {std::byte{0}});
    fake.failing["GetVariable"] = EFI_DEVICE_ERROR;
  }
  CHECK(ReadOverwriteRequest(firmware) == OverwriteState::kSet);
  CHECK(ClearOverwriteRequest(firmware) == OverwriteState::kSet);
  CHECK(fake.calls["SetVariable"] == 0);
}

TEST_CASE("The request is cleared, and nothing else of the variable", "[efi][overwrite-request]") {
  FakeFirmware fake;
  SetRequest(fake, {std::byte{0x11}});
  CHECK(ClearOverwriteRequest(Firmware(fake.image(), fake.table())) == OverwriteState::kCleared);
  const auto* const variable = fake.FindVariable(kName, kOverwriteRequestGuid);
  REQUIRE(variable != nullptr);
  CHECK(variable->bytes == test::Bytes{std::byte{0x10}});
  CHECK(variable->attributes == kAttributes);
}

TEST_CASE("What is clear is not written", "[efi][overwrite-request]") {
  FakeFirmware fake;
  SetRequest(fake, {std::byte{0x10}});
  CHECK(ClearOverwriteRequest(Firmware(fake.image(), fake.table())) == OverwriteState::kClear);
  CHECK(fake.calls["SetVariable"] == 0);
}

TEST_CASE("A request that firmware does not let go of stays set", "[efi][overwrite-request]") {
  FakeFirmware fake;
  SetRequest(fake, {std::byte{0x01}});
  fake.failing["SetVariable"] = GENERATE(EFI_WRITE_PROTECTED, EFI_ACCESS_DENIED);
  CHECK(ClearOverwriteRequest(Firmware(fake.image(), fake.table())) == OverwriteState::kSet);
}

TEST_CASE("Each state has its word", "[efi][overwrite-request]") {
  CHECK(OverwriteStateName(OverwriteState::kNone) == "none");
  CHECK(OverwriteStateName(OverwriteState::kClear) == "clear");
  CHECK(OverwriteStateName(OverwriteState::kSet) == "set");
  CHECK(OverwriteStateName(OverwriteState::kCleared) == "cleared");
}

}  // namespace
}  // namespace holdfast::efi
