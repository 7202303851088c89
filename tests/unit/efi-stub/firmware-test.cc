// SPDX-License-Identifier: BSD-2-Clause

#include "efi-stub/firmware.h"

#include <catch2/catch.hpp>

#include "tests/support/fake-firmware.h"
#include "tests/support/ranges.h"

namespace holdfast::efi {
namespace {

using test::FakeFirmware;

constexpr EFI_GUID kSomeGuid = {0x1, 0x2, 0x3, {4, 5, 6, 7, 8, 9, 10, 11}};

test::Bytes BytesOf(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

TEST_CASE("The application learns who it is", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  const auto image = BytesOf("MZ");
  fake.SetSelf(image);
  Self self;

  SECTION("with options, whose NUL is none of them") {
    fake.SetOptions(u"holdfast.efi quiet");
    REQUIRE(firmware.ReadSelf(self).ok());
    CHECK(self.options == u"holdfast.efi quiet");
    CHECK(self.image.data() == image.data());
    CHECK(self.image.size() == 2);
    CHECK(self.device == fake.device());
  }
  SECTION("without options") {
    REQUIRE(firmware.ReadSelf(self).ok());
    CHECK(self.options.empty());
    CHECK_FALSE(self.has_other_options);
  }
  SECTION("with empty ones") {
    fake.SetOptions(u"");
    REQUIRE(firmware.ReadSelf(self).ok());
    CHECK(self.options.empty());
    CHECK_FALSE(self.has_other_options);
  }
  SECTION("with others, that are none") {
    // As an EFI_LOAD_OPTION begins: its attributes.
    fake.SetOptions(u"\x01\x00 quiet");
    SECTION("by their first character") {}
    SECTION("by their size") {
      fake.SetOptions(u"quiet");
      fake.CutOptions(7);
    }
    REQUIRE(firmware.ReadSelf(self).ok());
    CHECK(self.options.empty());
    CHECK(self.has_other_options);
  }
  SECTION("and firmware, too") { CHECK(firmware.vendor() == u"Fake"); }
}

TEST_CASE("Secure Boot is on with its variable and without setup mode", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  CHECK_FALSE(firmware.IsSecure());
  fake.SetSecureBoot(true);
  CHECK(firmware.IsSecure());
  fake.variables[1].bytes = {std::byte{1}};
  CHECK_FALSE(firmware.IsSecure());
  fake.variables.pop_back();
  CHECK(firmware.IsSecure());
  fake.SetSecureBoot(false);
  CHECK_FALSE(firmware.IsSecure());
}

TEST_CASE("Secure Boot is taken to be on where firmware does not tell", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  fake.SetSecureBoot(false);
  SECTION("what the variable is") { fake.failing["GetVariable"] = EFI_DEVICE_ERROR; }
  SECTION("by one byte") {
    fake.variables[0].bytes = {std::byte{0}, std::byte{0}};
    fake.variables[1].bytes = {std::byte{0}};
  }
  SECTION("by 0 or 1") {
    fake.variables[0].bytes = {std::byte{2}};
    fake.variables[1].bytes = {std::byte{0}};
  }
  CHECK(firmware.IsSecure());
}

TEST_CASE("Only free memory can be taken", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  const PhysRange range = fake.memory.Part(0x10000, 0x3000);
  fake.memory.Set(fake.memory.Part(0x20000, 0x1000), EfiRuntimeServicesData);

  REQUIRE(firmware.AllocateAt(range, EfiReservedMemoryType).ok());
  CHECK(fake.Taken().at(0) == test::FakeEfiMemory::Entry{range, EfiReservedMemoryType, EFI_MEMORY_WB});
  CHECK(firmware.AllocateAt(range, EfiReservedMemoryType).error() == Error{Errc::kNotFound, 0});
  CHECK(firmware.AllocateAt(fake.memory.Part(0x1f000, 0x2000), EfiLoaderData).error() == Error{Errc::kNotFound, 0});
  CHECK(fake.Taken().size() == 2);

  firmware.Free(range);
  CHECK(fake.Taken().size() == 1);
}

TEST_CASE("Memory is taken below a limit, in whole pages", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  const std::uint64_t limit = fake.memory.range().start().raw() + 0x100000;

  const auto low = firmware.Allocate(0x1001, EfiLoaderData, limit);
  REQUIRE(low.ok());
  CHECK(low.value().size() == 0x2000);
  CHECK(low.value().end().raw() <= limit);
  const auto high = firmware.Allocate(1, EfiLoaderData);
  REQUIRE(high.ok());
  CHECK(high.value().end() == fake.memory.range().end());
  CHECK(firmware.Allocate(kPhysLimit, EfiLoaderData).error() == Error{Errc::kTooLarge, kPhysLimit});
  CHECK(firmware.Allocate(test::FakeEfiMemory::kSize, EfiLoaderData).error() ==
        Error{Errc::kFirmware, EFI_OUT_OF_RESOURCES});
}

TEST_CASE("The map is read whole, or what it needs is said", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  fake.memory.Set(fake.memory.Part(0x1000, 0x1000), EfiBootServicesData);
  alignas(16) std::array<std::byte, 3 * 48> storage;
  StoredMap map;

  CHECK(firmware.ReadMap(std::span(storage).first(143), map).error() == Error{Errc::kTooLarge, 144});
  REQUIRE(firmware.ReadMap(storage, map).ok());
  CHECK(map.bytes.size() == 144);
  CHECK(map.descriptor_size == 48);
  CHECK(map.descriptor_version == 1);
  CHECK(map.key == fake.memory.key());
}

TEST_CASE("Files are read whole, and closed", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  fake.files[u"\\EFI\\Holdfast\\LINUX"] = BytesOf("kernel");
  const char16_t* const path = u"\\EFI\\holdfast\\linux";
  std::array<std::byte, 8> storage;

  SECTION("by chunks of any size") {
    fake.max_read = GENERATE(std::size_t{1}, std::size_t{4}, std::size_t{100});
    const auto size = firmware.FileSize(fake.device(), path);
    REQUIRE(size.ok());
    CHECK(size.value() == 6);
    REQUIRE(firmware.ReadFile(fake.device(), path, std::span(storage).first(6)).ok());
    CHECK(test::Bytes(storage.begin(), storage.begin() + 6) == BytesOf("kernel"));
  }
  SECTION("one that is shorter is truncated") {
    CHECK(firmware.ReadFile(fake.device(), path, storage).error() == Error{Errc::kTruncated, 6});
  }
  SECTION("one that is not there is not found") {
    CHECK(firmware.FileSize(fake.device(), u"\\no").error() == Error{Errc::kNotFound, 0});
  }
  SECTION("nor is one on a device without files, or without a device") {
    fake.has_files = false;
    CHECK(firmware.FileSize(fake.device(), path).error() == Error{Errc::kNotFound, 0});
    CHECK(firmware.FileSize(nullptr, path).error() == Error{Errc::kNotFound, 0});
  }
  SECTION("one that cannot be read says why") {
    fake.failing["Read"] = EFI_DEVICE_ERROR;
    CHECK(firmware.ReadFile(fake.device(), path, storage).error() == Error{Errc::kFirmware, EFI_DEVICE_ERROR});
  }
  CHECK(fake.num_open_files == 0);
}

TEST_CASE("Variables keep their attributes, and none is deleted", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  std::array<std::byte, 4> storage;
  std::uint32_t attributes = 0;
  const auto bytes = BytesOf("value");

  CHECK(firmware.GetVariable(u"A", kSomeGuid, storage).error() == Error{Errc::kNotFound, 0});
  REQUIRE(firmware.SetVariable(u"A", kSomeGuid, EFI_VARIABLE_BOOTSERVICE_ACCESS, bytes).ok());
  CHECK(firmware.GetVariable(u"A", kSomeGuid, storage).error() == Error{Errc::kTooLarge, 5});
  REQUIRE(firmware.SetVariable(u"A", kSomeGuid, EFI_VARIABLE_BOOTSERVICE_ACCESS, std::span(bytes).first(2)).ok());
  const auto read = firmware.GetVariable(u"A", kSomeGuid, storage, &attributes);
  REQUIRE(read.ok());
  CHECK(read.value().size() == 2);
  CHECK(attributes == EFI_VARIABLE_BOOTSERVICE_ACCESS);
  CHECK(firmware.SetVariable(u"A", kSomeGuid, EFI_VARIABLE_NON_VOLATILE, bytes).error() ==
        Error{Errc::kFirmware, EFI_INVALID_PARAMETER});
  REQUIRE(firmware.SetVariable(u"A", kSomeGuid, 0, {}).ok());
  CHECK(fake.FindVariable(u"A", kSomeGuid) == nullptr);
}

TEST_CASE("Configuration tables come and go", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  int table = 0;
  CHECK(firmware.ConfigTable(kSomeGuid) == std::nullopt);
  REQUIRE(firmware.InstallConfigTable(kSomeGuid, &table).ok());
  CHECK(firmware.ConfigTable(kSomeGuid) == PhysAddr(reinterpret_cast<std::uintptr_t>(&table)));
  CHECK(firmware.ConfigTable(kDeviceTreeGuid) == std::nullopt);
  REQUIRE(firmware.InstallConfigTable(kSomeGuid, nullptr).ok());
  CHECK(firmware.ConfigTable(kSomeGuid) == std::nullopt);
}

TEST_CASE("A protocol is installed at a path, and taken away", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  int path = 0;
  int interface = 0;
  const auto handle = firmware.InstallAtPath(&path, kSomeGuid, &interface);
  REQUIRE(handle.ok());
  CHECK(firmware.Locate(kSomeGuid).value() == &interface);
  CHECK(firmware.ProtocolOf(handle.value(), EFI_GUID EFI_DEVICE_PATH_PROTOCOL_GUID).value() == &path);
  firmware.UninstallAtPath(handle.value(), &path, kSomeGuid, &interface);
  CHECK(firmware.Locate(kSomeGuid).error() == Error{Errc::kNotFound, 0});
}

TEST_CASE("An image that is not trusted is not left loaded", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  const auto file = BytesOf("MZ");
  fake.load_status = GENERATE(EFI_ACCESS_DENIED, EFI_SECURITY_VIOLATION);
  fake.loads_untrusted = fake.load_status == EFI_SECURITY_VIOLATION;
  CHECK(firmware.LoadImage(file).error() == Error{Errc::kUntrusted, 0});
  CHECK(fake.Taken().empty());
}

TEST_CASE("An image is started with its options", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  const auto image = firmware.LoadImage(BytesOf("MZ"));
  REQUIRE(image.ok());
  static constexpr char16_t kOptions[] = u"quiet";
  REQUIRE(firmware.StartImage(image.value(), kOptions).ok());
  CHECK(fake.images.at(0)->options == std::u16string(u"quiet\0", 6));
}

TEST_CASE("Boot services end with the key of the map as it is", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  fake.num_stale_keys = 1;
  CHECK(firmware.ExitBootServices(fake.memory.key()).error() == Error{Errc::kFirmware, EFI_INVALID_PARAMETER});
  REQUIRE(firmware.ExitBootServices(fake.memory.key()).ok());
  CHECK(fake.left_boot_services);
  firmware.StopWatchdog();
  CHECK(fake.calls["SetWatchdogTimer"] == 1);
}

TEST_CASE("The ledger gives back all that was taken", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  Ledger ledger(firmware);
  const PhysRange range = fake.memory.Part(0x1000, 0x1000);
  REQUIRE(ledger.AllocateAt(range, EfiReservedMemoryType).ok());
  CHECK(ledger.AllocateAt(range, EfiReservedMemoryType).error() == Error{Errc::kNotFound, 0});
  const auto other = ledger.Allocate(1, EfiLoaderData);
  REQUIRE(other.ok());
  CHECK(ledger.view().size() == 2);

  ledger.Free(range);
  REQUIRE(ledger.view().size() == 1);
  CHECK(ledger.view()[0] == other.value());
  ledger.FreeAll();
  CHECK(ledger.view().empty());
  CHECK(fake.Taken().empty());
}

TEST_CASE("A full ledger takes nothing", "[efi][firmware]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  Ledger ledger(firmware);
  for (std::size_t i = 0; i < Ledger::kMaxEntries; ++i) {
    REQUIRE(ledger.Allocate(1, EfiLoaderData).ok());
  }
  CHECK(ledger.Allocate(1, EfiLoaderData).error() == Error{Errc::kTableFull, Ledger::kMaxEntries});
  CHECK(ledger.AllocateAt(fake.memory.Part(0, 0x1000), EfiLoaderData).error() ==
        Error{Errc::kTableFull, Ledger::kMaxEntries});
  CHECK(fake.calls["AllocatePages"] == Ledger::kMaxEntries);
}

}  // namespace
}  // namespace holdfast::efi
