// SPDX-License-Identifier: BSD-2-Clause

#include "efi-stub/measure.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "common/abi/measurement.h"
#include "efi-stub/tcg2.h"
#include "tests/support/fake-firmware.h"

namespace holdfast::efi {
namespace {

using test::FakeFirmware;

// Takes events as firmware's driver does, and remembers them.
struct FakeTpm : Tcg2Protocol {
  struct Taken {
    std::uint64_t flags;
    std::string data;
    std::vector<std::byte> event;
  };

  FakeTpm()
      : Tcg2Protocol{.get_capability = &GetCapability, .get_event_log = nullptr, .hash_log_extend_event = &Take} {}

  void InstallIn(FakeFirmware& fake) { fake.protocols.push_back({.guid = kTcg2Guid, .interface = this}); }

  bool is_there = true;
  EFI_STATUS capability_status = EFI_SUCCESS;
  EFI_STATUS status = EFI_SUCCESS;
  std::vector<Taken> taken;

 private:
  static EFIAPI EFI_STATUS GetCapability(Tcg2Protocol* self, Tcg2Capability* out) {
    const auto& tpm = *static_cast<FakeTpm*>(self);
    if (out->size < sizeof(*out)) {
      return EFI_BUFFER_TOO_SMALL;
    }
    out->has_tpm = tpm.is_there ? TRUE : FALSE;
    return tpm.capability_status;
  }

  // As EDK2's driver refuses them: data at no address, a header of another size.
  static EFIAPI EFI_STATUS Take(Tcg2Protocol* self, std::uint64_t flags, EFI_PHYSICAL_ADDRESS data,
                                std::uint64_t data_size, void* event) {
    auto& tpm = *static_cast<FakeTpm*>(self);
    Tcg2EventHeader header;
    std::memcpy(&header, event, sizeof(header));
    if (data == 0 || header.header_size != 14 || header.header_version != 1 || header.size < sizeof(header)) {
      return EFI_INVALID_PARAMETER;
    }
    const auto* const first = static_cast<const std::byte*>(event);
    tpm.taken.push_back({.flags = flags,
                         .data = std::string(reinterpret_cast<const char*>(data), data_size),
                         .event = {first, first + header.size}});
    return tpm.status;
  }
};

std::span<const std::byte> BytesOf(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST_CASE("An event is logged with the register, its type and its text, and the data are hashed", "[efi][measure]") {
  FakeFirmware fake;
  FakeTpm tpm;
  tpm.InstallIn(fake);
  const Measurer measurer(Firmware(fake.image(), fake.table()));
  REQUIRE(measurer.has_tpm());
  REQUIRE(measurer.Measure(kEventCommandLine, BytesOf("quiet")).ok());

  REQUIRE(tpm.taken.size() == 1);
  CHECK(tpm.taken[0].flags == 0);
  CHECK(tpm.taken[0].data == "quiet");
  // Size 40, header size 14, version 1, PCR 15, EV_IPL.
  const std::array<std::uint8_t, 18> header = {40, 0, 0, 0, 14, 0, 0, 0, 1, 0, 15, 0, 0, 0, 13, 0, 0, 0};
  REQUIRE(tpm.taken[0].event.size() == 40);
  CHECK(std::memcmp(tpm.taken[0].event.data(), header.data(), header.size()) == 0);
  const auto* const text = reinterpret_cast<const char*>(tpm.taken[0].event.data()) + header.size();
  CHECK(std::string_view(text, 22) == "holdfast: command line");
}

TEST_CASE("No bytes are measured as such", "[efi][measure]") {
  FakeFirmware fake;
  FakeTpm tpm;
  tpm.InstallIn(fake);
  REQUIRE(Measurer(Firmware(fake.image(), fake.table())).Measure(kEventCommandLine, {}).ok());
  REQUIRE(tpm.taken.size() == 1);
  CHECK(tpm.taken[0].data.empty());
}

TEST_CASE("Without a TPM nothing is measured", "[efi][measure]") {
  FakeFirmware fake;
  FakeTpm tpm;
  SECTION("no driver") {}
  SECTION("a driver without one") {
    tpm.is_there = false;
    tpm.InstallIn(fake);
  }
  SECTION("a driver that fails") {
    tpm.capability_status = EFI_DEVICE_ERROR;
    tpm.InstallIn(fake);
  }
  const Measurer measurer(Firmware(fake.image(), fake.table()));
  CHECK_FALSE(measurer.has_tpm());
  CHECK(measurer.Measure(kEventHandover, BytesOf("tree")).error() == Error{Errc::kNotFound, 0});
  CHECK(tpm.taken.empty());
}

TEST_CASE("What the TPM says of an event is passed on", "[efi][measure]") {
  FakeFirmware fake;
  FakeTpm tpm;
  tpm.status = GENERATE(EFI_DEVICE_ERROR, EFI_VOLUME_FULL);
  tpm.InstallIn(fake);
  const Measurer measurer(Firmware(fake.image(), fake.table()));
  CHECK(measurer.Measure(kEventDecision, BytesOf("mode fence")).error() == Error{Errc::kFirmware, tpm.status});
}

std::vector<std::string> Texts(const FakeTpm& tpm) {
  std::vector<std::string> out;
  for (const FakeTpm::Taken& each : tpm.taken) {
    const auto text = std::span(each.event).subspan(sizeof(Tcg2EventHeader));
    out.push_back(std::string(reinterpret_cast<const char*>(text.data()), text.size()) + "=" + each.data);
  }
  return out;
}

TEST_CASE("KHO's tree is measured, and a kernel that firmware does not start", "[efi][measure]") {
  FakeFirmware fake;
  FakeTpm tpm;
  tpm.InstallIn(fake);
  const Measurer measurer(Firmware(fake.image(), fake.table()));
  FoundHandovers found;
  REQUIRE(found.Append({.carrier = Carrier::kKhoNode, .at = {}}).ok());
  InnerKernel kernel;
  kernel.file = BytesOf("a bzImage");
  kernel.packed = Packed{.bytes = kernel.file.subspan(2)};
  MeasuredBoot boot{.found = found,
                    .kho_tree = BytesOf("a tree"),
                    .command_line = "quiet",
                    .entry = KernelEntry::kEfiHandover,
                    .kernel = kernel,
                    .initrd = BytesOf("an initrd"),
                    .decision = "mode native"};
  std::vector<std::string> expected{"holdfast: handover=a tree", "holdfast: command line=quiet",
                                    "holdfast: decision=mode native"};
  SECTION("firmware starts it") {}
  SECTION("the stage enters it") {
    boot.entry = GENERATE(KernelEntry::kVmlinux, KernelEntry::kBzImage);
    expected.insert(expected.begin() + 2, {"holdfast: kernel=a bzImage", "holdfast: initrd=an initrd"});
  }
  SECTION("its payload lies apart") {
    kernel.packed.reset();
    kernel.unpacked = BytesOf("an ELF file");
    boot.entry = KernelEntry::kVmlinux;
    boot.initrd = {};
    expected.insert(expected.begin() + 2,
                    {"holdfast: kernel=a bzImage", "holdfast: kernel=an ELF file", "holdfast: initrd="});
  }
  REQUIRE(MeasureBoot(measurer, boot).ok());
  CHECK(Texts(tpm) == expected);
}

TEST_CASE("An event that firmware refuses ends the measuring", "[efi][measure]") {
  FakeFirmware fake;
  FakeTpm tpm;
  tpm.status = EFI_DEVICE_ERROR;
  tpm.InstallIn(fake);
  const FoundHandovers found;
  const InnerKernel kernel{};
  const Status measured =
      MeasureBoot(Measurer(Firmware(fake.image(), fake.table())),
                  {.found = found, .kho_tree = {}, .command_line = "", .kernel = kernel, .initrd = {}, .decision = ""});
  REQUIRE_FALSE(measured.ok());
  CHECK(measured.error() == Error{Errc::kFirmware, EFI_DEVICE_ERROR});
  CHECK(tpm.taken.size() == 1);
}

}  // namespace
}  // namespace holdfast::efi
