// SPDX-License-Identifier: BSD-2-Clause

#include "efi-stub/efi-kernel.h"

#include <catch2/catch.hpp>

#include "efi-stub/console.h"
#include "efi-stub/initrd-offer.h"
#include "tests/support/fake-firmware.h"
#include "tests/support/pe-files.h"
#include "tests/support/ranges.h"

namespace holdfast::efi {
namespace {

using test::FakeFirmware;

test::Bytes BytesOf(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// What Linux' EFI stub reads of an initrd, by the protocol's rules.
test::Bytes ReadInitrd(const Firmware& firmware) {
  const auto found = firmware.Locate(kLoadFile2Guid);
  if (!found.ok()) {
    return {};
  }
  auto* const protocol = static_cast<LoadFile2Protocol*>(found.value());
  EFI_DEVICE_PATH path{};
  UINTN size = 0;
  CHECK(protocol->load_file(protocol, &path, TRUE, &size, nullptr) == EFI_UNSUPPORTED);
  CHECK(protocol->load_file(protocol, nullptr, FALSE, &size, nullptr) == EFI_INVALID_PARAMETER);
  CHECK(protocol->load_file(protocol, &path, FALSE, nullptr, nullptr) == EFI_INVALID_PARAMETER);
  CHECK(protocol->load_file(protocol, &path, FALSE, &size, nullptr) == EFI_BUFFER_TOO_SMALL);
  test::Bytes out(size);
  UINTN less = size - 1;
  CHECK(protocol->load_file(protocol, &path, FALSE, &less, out.data()) == EFI_BUFFER_TOO_SMALL);
  CHECK(less == size);
  CHECK(protocol->load_file(protocol, &path, FALSE, &size, out.data()) == EFI_SUCCESS);
  return out;
}

TEST_CASE("A kernel is started with its line and its initrd", "[efi][efi-kernel]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  const KernelImage kernel{};
  const auto initrd = BytesOf("070701");
  const EfiKernelStart start{.kernel = kernel, .initrd = initrd, .command_line = "root=/dev/\xc3\xa4"};
  Problem problem;
  const auto image = LoadEfiKernel(firmware, BytesOf("MZ"), problem);
  REQUIRE(image.ok());

  test::Bytes seen;
  fake.on_start = [&](FakeFirmware::Image&) {
    seen = ReadInitrd(firmware);
    return EFI_SUCCESS;
  };
  REQUIRE(StartEfiImage(firmware, image.value(), start, problem).ok());
  CHECK(seen == initrd);
  CHECK(fake.images[0]->options == std::u16string(u"root=/dev/\u00e4\0", 12));
  // Nothing of it is left.
  CHECK(fake.protocols.empty());
  CHECK(fake.Taken().empty());
}

TEST_CASE("A kernel without an initrd is offered none", "[efi][efi-kernel]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  const KernelImage kernel{};
  Problem problem;
  const auto image = LoadEfiKernel(firmware, BytesOf("MZ"), problem);
  REQUIRE(image.ok());
  fake.on_start = [&](FakeFirmware::Image&) {
    CHECK(fake.protocols.empty());
    return EFI_LOAD_ERROR;
  };
  CHECK(StartEfiImage(firmware, image.value(), {.kernel = kernel}, problem).error() ==
        Error{Errc::kFirmware, EFI_LOAD_ERROR});
  CHECK(problem.what == "kernel");
}

TEST_CASE("A kernel that firmware does not trust is named", "[efi][efi-kernel]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  fake.load_status = EFI_ACCESS_DENIED;
  Problem problem;
  CHECK(LoadEfiKernel(firmware, BytesOf("MZ"), problem).error() == Error{Errc::kUntrusted, 0});
  CHECK(problem.code == Errc::kUntrusted);
  CHECK(problem.what == "kernel");
}

TEST_CASE("A line that is no text, or too long, starts nothing", "[efi][efi-kernel]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  const KernelImage kernel{};
  Problem problem;
  const auto image = LoadEfiKernel(firmware, BytesOf("MZ"), problem);
  REQUIRE(image.ok());
  CHECK(StartEfiImage(firmware, image.value(), {.kernel = kernel, .command_line = "a\xff"}, problem).error() ==
        Error{Errc::kMalformed, 1});
  const std::string longest(kMaxOptions, 'x');
  const std::string longer = longest + "x";
  CHECK(StartEfiImage(firmware, image.value(), {.kernel = kernel, .command_line = longer}, problem).error() ==
        Error{Errc::kTooLarge, kMaxOptions});
  CHECK(fake.calls["StartImage"] == 0);
  CHECK(StartEfiImage(firmware, image.value(), {.kernel = kernel, .command_line = longest}, problem).ok());
}

TEST_CASE("The handover entry is looked at before it is entered", "[efi][efi-kernel]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  Ledger ledger(firmware);
  KernelImage kernel{};
  kernel.protected_offset = 0x200;
  Problem problem;
  const auto image = LoadEfiKernel(firmware, test::Bytes(0x1000), problem);
  REQUIRE(image.ok());
  const auto enter = [&] { return EnterEfiHandover(firmware, ledger, image.value(), {.kernel = kernel}, problem); };

  SECTION("the kernel has none") {
    kernel.header.xloadflags = Le16(kXlfKernel64);
    CHECK(enter().error() == Error{Errc::kUnsupported, kXlfKernel64});
  }
  SECTION("it says nothing of where") {
    kernel.header.xloadflags = Le16(kXlfEfiHandover64);
    CHECK(enter().error() == Error{Errc::kMalformed, 0});
  }
  SECTION("it would be behind the image") {
    kernel.header.xloadflags = Le16(kXlfEfiHandover64);
    kernel.header.handover_offset = Le32(0xc00);
    CHECK(enter().error() == Error{Errc::kMalformed, 0xc00});
  }
  CHECK(ledger.view().empty());
}

TEST_CASE("A stub that takes an initrd says so", "[efi][efi-kernel]") {
  test::TestPe pe = test::SmallPe();
  test::ByteVector kernel = pe.Build();
  CHECK_FALSE(TakesInitrd(kernel));
  const std::size_t version = test::TestPe::kOptionalHeader + offsetof(PeOptionalHeader, major_image_version);
  test::Put(kernel, version, Le16(1));
  CHECK(TakesInitrd(kernel));
  CHECK(TakesInitrd(std::span(kernel).first(version + 2)));
  CHECK_FALSE(TakesInitrd(std::span(kernel).first(version + 1)));
  CHECK_FALSE(TakesInitrd(std::span(kernel).first(kPeOffsetField + 3)));
  test::Put(kernel, kPeOffsetField, Le32(0xffffffff));
  CHECK_FALSE(TakesInitrd(kernel));
}

TEST_CASE("An initrd that somebody else offers is a reason not to start", "[efi][efi-kernel]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  fake.failing["InstallMultipleProtocolInterfaces"] = EFI_ALREADY_STARTED;
  const auto bytes = BytesOf("x");
  InitrdOffer offer(firmware, bytes);
  CHECK(offer.Install().error() == Error{Errc::kFirmware, EFI_ALREADY_STARTED});
}

TEST_CASE("Lines go to firmware's console, however long", "[efi][console]") {
  FakeFirmware fake;
  const Firmware firmware(fake.image(), fake.table());
  Console console;
  console.AddSink(FirmwareSink(firmware));
  const std::string text(300, 'x');
  console.Line(text);
  CHECK(fake.printed == u"holdfast: " + std::u16string(300, u'x') + u"\r\n");
}

TEST_CASE("Firmware's texts are shown as ASCII", "[efi][console]") {
  std::array<char, 6> storage;
  CHECK(ToAscii(u"EDK II", storage) == "EDK II");
  CHECK(ToAscii(u"EDK II and more", storage) == "EDK II");
  CHECK(ToAscii(u"\u00e4\tb", storage) == "??b");
  CHECK(ToAscii(u"", storage).empty());
}

}  // namespace
}  // namespace holdfast::efi
