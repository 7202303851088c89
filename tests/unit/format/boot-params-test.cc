// SPDX-License-Identifier: BSD-2-Clause
// Tests of boot_params made over for another kernel.

#include "common/format/boot-params.h"

#include <catch2/catch.hpp>

#include <memory>
#include <vector>

#include "tests/support/kernel-files.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::Between;
using test::Get;

// Every byte is `value`.
std::unique_ptr<BootParams> Filled(unsigned value) {
  auto params = std::make_unique<BootParams>();
  std::memset(static_cast<void*>(params.get()), static_cast<int>(value), sizeof(BootParams));
  return params;
}

std::span<const std::byte> Bytes(const BootParams& params) { return std::as_bytes(std::span(&params, 1)); }

// A header whose every byte is 0x22, of the length that today's kernels have.
SetupHeader InnerHeader() {
  SetupHeader header;
  std::memset(static_cast<void*>(&header), 0x22, sizeof(header));
  header.header_length = std::byte{0x6a};
  return header;
}

TEST_CASE("The setup header is the inner kernel's, but for what loaders fill in", "[format][boot-params]") {
  const auto params = Filled(0x11);
  params->sentinel = std::byte{0};
  const auto before = std::make_unique<BootParams>(*params);
  AdoptSetupHeader(InnerHeader(), *params);

  struct Field {
    std::size_t start;
    std::size_t end;
  };
  // boot.rst: type "write", "modify" or "reloc", as far as kernels read it after their setup code.
  const std::vector<Field> kept = {{0x1f2, 0x1f4}, {0x1fa, 0x1fe}, {0x210, 0x211}, {0x214, 0x220},
                                   {0x226, 0x22c}, {0x23c, 0x248}, {0x250, 0x258}};
  const auto bytes = Bytes(*params);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    INFO(i);
    const bool in_header = i >= 0x1f1 && i < 0x26c;
    const bool is_kept =
        std::any_of(kept.begin(), kept.end(), [i](const Field& field) { return i >= field.start && i < field.end; });
    if (!in_header || is_kept) {
      REQUIRE(bytes[i] == Bytes(*before)[i]);
    } else if (i == 0x201) {
      REQUIRE(bytes[i] == std::byte{0x6a});
    } else if (i == 0x211) {
      REQUIRE(bytes[i] == std::byte{0});  // of 0x22 LOADED_HIGH is not set
    } else {
      REQUIRE(bytes[i] == std::byte{0x22});
    }
  }
}

TEST_CASE("Of loadflags only LOADED_HIGH is the file's", "[format][boot-params]") {
  SetupHeader inner = InnerHeader();
  inner.loadflags = std::byte{0xff};
  const auto params = Filled(0);
  params->hdr.loadflags = std::byte{0xe2};
  AdoptSetupHeader(inner, *params);
  CHECK(params->hdr.loadflags == std::byte{1});
}

TEST_CASE("A loader without a type gets one", "[format][boot-params]") {
  const auto params = Filled(0);
  AdoptSetupHeader(InnerHeader(), *params);
  CHECK(params->hdr.type_of_loader == std::byte{0xff});
}

TEST_CASE("A shorter header leaves zeroes behind it", "[format][boot-params]") {
  struct Case {
    unsigned length;
    std::uint32_t handover_offset;
    std::uint32_t kernel_info_offset;
  };
  // Up to 0x268 every header goes that has a 64-bit entry; no more is known of than up to 0x26c.
  const auto c = GENERATE(Case{0x6a, 0x22222222, 0x22222222}, Case{0x69, 0x22222222, 0x00222222},
                          Case{0x66, 0x22222222, 0}, Case{0x00, 0x22222222, 0}, Case{0xff, 0x22222222, 0x22222222});
  CAPTURE(c.length);
  SetupHeader inner = InnerHeader();
  inner.header_length = static_cast<std::byte>(c.length);
  const auto params = Filled(0x11);
  params->sentinel = std::byte{0};
  AdoptSetupHeader(inner, *params);
  CHECK(params->hdr.handover_offset.value() == c.handover_offset);
  CHECK(params->hdr.kernel_info_offset.value() == c.kernel_info_offset);
  CHECK(Bytes(*params)[0x26c] == std::byte{0x11});
}

TEST_CASE("What a loader copied too much of is cleared", "[format][boot-params]") {
  const auto params = Filled(0x11);
  AdoptSetupHeader(InnerHeader(), *params);
  CHECK(params->sentinel == std::byte{0});
  CHECK(params->acpi_rsdp_addr.value() == 0);
  CHECK(params->ext_ramdisk_image.value() == 0);
  CHECK(params->ext_ramdisk_size.value() == 0);
  CHECK(params->ext_cmd_line_ptr.value() == 0);
  CHECK(params->cc_blob_address.value() == 0);
  // What such loaders do set.
  CHECK(params->efi_info.systab.value() == 0x11111111);
  CHECK(params->e820_entries == std::byte{0x11});
  CHECK(params->hdr.cmd_line_ptr.value() == 0x11111111);
  CHECK(params->hdr.setup_data.value() == 0x1111111111111111);
}

TEST_CASE("Sanitizing keeps what sanitize_boot_params() keeps", "[format][boot-params]") {
  struct Kept {
    const char* what;
    std::size_t start;
    std::size_t size;
  };
  // The list of bootparam_utils.h, with the places of uapi/asm/bootparam.h.
  const std::vector<Kept> list = {{"screen_info", 0x000, 0x40},
                                  {"apm_bios_info", 0x040, 0x14},
                                  {"tboot_addr", 0x058, 8},
                                  {"ist_info", 0x060, 0x10},
                                  {"hd0_info", 0x080, 0x10},
                                  {"hd1_info", 0x090, 0x10},
                                  {"sys_desc_table", 0x0a0, 0x10},
                                  {"olpc_ofw_header", 0x0b0, 16},
                                  {"efi_info", 0x1c0, 0x20},
                                  {"alt_mem_k", 0x1e0, 4},
                                  {"scratch", 0x1e4, 4},
                                  {"e820_entries", 0x1e8, 1},
                                  {"eddbuf_entries", 0x1e9, 1},
                                  {"edd_mbr_sig_buf_entries", 0x1ea, 1},
                                  {"secure_boot", 0x1ec, 1},
                                  {"hdr", 0x1f1, 0x7b},
                                  {"edd_mbr_sig_buffer", 0x290, 0x40},
                                  {"e820_table", 0x2d0, 0xa00},
                                  {"eddbuf", 0xd00, 6 * 82}};
  const auto params = Filled(0x11);
  SanitizeBootParams(*params);
  std::vector<bool> kept(sizeof(BootParams), false);
  for (const Kept& field : list) {
    for (std::size_t i = 0; i < field.size; ++i) {
      kept[field.start + i] = true;
    }
  }
  for (std::size_t i = 0; i < sizeof(BootParams); ++i) {
    INFO(i);
    REQUIRE(Bytes(*params)[i] == (kept[i] ? std::byte{0x11} : std::byte{0}));
  }
}

TEST_CASE("A loader that set its sentinel is believed", "[format][boot-params]") {
  const auto params = Filled(0x11);
  params->sentinel = std::byte{0};
  const auto before = std::make_unique<BootParams>(*params);
  SanitizeBootParams(*params);
  CHECK(std::memcmp(params.get(), before.get(), sizeof(BootParams)) == 0);
}

TEST_CASE("Addresses above 4 GiB have upper halves", "[format][boot-params]") {
  const auto params = Filled(0x11);
  SetCommandLine(PhysAddr(0xabc12345678), *params);
  CHECK(Get<Le32>(Bytes(*params), 0x228).value() == 0x12345678);
  CHECK(Get<Le32>(Bytes(*params), 0x0c8).value() == 0xabc);
  SetInitrd(Between(0x123456789000, 0x12369abcdef1), *params);
  CHECK(Get<Le32>(Bytes(*params), 0x218).value() == 0x56789000);
  CHECK(Get<Le32>(Bytes(*params), 0x0c0).value() == 0x1234);
  CHECK(Get<Le32>(Bytes(*params), 0x21c).value() == 0x44444ef1);
  CHECK(Get<Le32>(Bytes(*params), 0x0c4).value() == 0x2);

  SetCommandLine(PhysAddr(0x5000), *params);
  CHECK(Get<Le32>(Bytes(*params), 0x0c8).value() == 0);
  SetInitrd(Between(0x7000, 0x7001), *params);
  CHECK(Get<Le32>(Bytes(*params), 0x0c0).value() == 0);
  CHECK(Get<Le32>(Bytes(*params), 0x0c4).value() == 0);
}

TEST_CASE("Without an initrd there is no address either", "[format][boot-params]") {
  const auto empty = GENERATE(PhysRange(), Between(0x100005000, 0x100005000));
  const auto params = Filled(0x11);
  SetInitrd(empty, *params);
  CHECK(Get<Le64>(Bytes(*params), 0x218).value() == 0);
  CHECK(Get<Le64>(Bytes(*params), 0x0c0).value() == 0);
}

TEST_CASE("EFI is dropped, and nothing beside it", "[format][boot-params]") {
  const auto params = Filled(0x11);
  DropEfi(*params);
  for (std::size_t i = 0; i < sizeof(BootParams); ++i) {
    INFO(i);
    REQUIRE(Bytes(*params)[i] == (i >= 0x1c0 && i < 0x1e0 ? std::byte{0} : std::byte{0x11}));
  }
}

TEST_CASE("A loader has a name", "[format][boot-params]") {
  struct Case {
    unsigned type;
    unsigned extended;
    std::uint16_t boot_flag;
    const char* name;
  };
  const auto c =
      GENERATE(Case{0xd0, 0, 0x0055, "kexec-tools"}, Case{0xd0, 0, 0xaa55, "linux"}, Case{0xd1, 0, 0, "linux"},
               Case{0x72, 0, 0, "grub"}, Case{0x21, 0, 0, "efi-stub"}, Case{0x31, 0, 0, "syslinux"},
               Case{0x40, 0, 0, "ipxe"}, Case{0x50, 0, 0, "elilo"}, Case{0x80, 0, 0, "u-boot"}, Case{0x90, 0, 0, "xen"},
               Case{0xb0, 0, 0xaa55, "qemu"}, Case{0x10, 0, 0, "loadlin"}, Case{0xe0, 2, 0, "ovmf"},
               Case{0xe1, 3, 0, "barebox"}, Case{0xe0, 0, 0, "loader"}, Case{0xe0, 0xff, 0, "loader"},
               // Not extended, so the second number means nothing.
               Case{0x70, 2, 0, "grub"}, Case{0x00, 0, 0, "loader"}, Case{0xff, 2, 0x0055, "loader"});
  CAPTURE(c.type, c.extended, c.boot_flag);
  const auto params = Filled(0);
  params->hdr.type_of_loader = static_cast<std::byte>(c.type);
  params->hdr.ext_loader_type = static_cast<std::byte>(c.extended);
  params->hdr.boot_flag.Set(c.boot_flag);
  CHECK(LoaderName(*params) == c.name);
}

}  // namespace
}  // namespace holdfast
