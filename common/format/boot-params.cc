// SPDX-License-Identifier: BSD-2-Clause
// boot_params as one loader left it, made over into what the next kernel is given.

#include "common/format/boot-params.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace holdfast {
namespace {

// Bytes [start, end) of boot_params that sanitize_boot_params() does not preserve.
struct Undefined {
  std::size_t start;
  std::size_t end;
};
constexpr std::array kUndefined = {
    Undefined{0x054, 0x058},  // behind apm_bios_info
    Undefined{0x070, 0x080},  // acpi_rsdp_addr
    Undefined{0x0c0, 0x1c0},  // ext_ramdisk_image, ext_ramdisk_size, ext_cmd_line_ptr, cc_blob_address, edid_info
    Undefined{0x1eb, 0x1ec},  // kbd_status
    Undefined{0x1ed, 0x1f1},  // sentinel
    Undefined{0x26c, 0x290},  // behind the setup header
    Undefined{0xcd0, 0xd00},  // behind the e820 table
    Undefined{0xeec, 0x1000},
};

// Every header that has a 64-bit entry goes up to handover_offset at least, whatever it says.
constexpr std::size_t kShortestHeader = offsetof(SetupHeader, kernel_info_offset);

// What kexec-tools leaves for boot_flag where it calls kexec_load(); with kexec_file_load() the kernel keeps the
// file's.
constexpr std::uint16_t kKexecToolsBootFlag = 0x0055;

std::size_t LengthOf(const SetupHeader& header) {
  const std::size_t stated =
      kSetupHeaderLengthFrom + std::to_integer<std::size_t>(header.header_length) - kSetupHeaderOffset;
  return std::clamp(stated, kShortestHeader, sizeof(SetupHeader));
}

// The fields that boot.rst marks as written by the loader.
void KeepLoaderFields(const SetupHeader& loader, SetupHeader& header) {
  header.root_flags = loader.root_flags;
  header.vid_mode = loader.vid_mode;
  header.root_dev = loader.root_dev;
  header.type_of_loader = loader.type_of_loader == std::byte{0} ? kUndefinedLoader : loader.type_of_loader;
  header.loadflags &= kLoadedHigh;
  header.code32_start = loader.code32_start;
  header.ramdisk_image = loader.ramdisk_image;
  header.ramdisk_size = loader.ramdisk_size;
  header.ext_loader_ver = loader.ext_loader_ver;
  header.ext_loader_type = loader.ext_loader_type;
  header.cmd_line_ptr = loader.cmd_line_ptr;
  header.hardware_subarch = loader.hardware_subarch;
  header.hardware_subarch_data = loader.hardware_subarch_data;
  header.setup_data = loader.setup_data;
}

// A number in two halves.
void Split(std::uint64_t value, Le32& low, Le32& high) {
  low.Set(static_cast<std::uint32_t>(value));
  high.Set(static_cast<std::uint32_t>(value >> 32));
}

}  // namespace

void SanitizeBootParams(BootParams& params) {
  if (params.sentinel == std::byte{0}) {
    return;
  }
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(&params, 1));
  for (const Undefined& part : kUndefined) {
    std::memset(bytes.data() + part.start, 0, part.end - part.start);
  }
}

void AdoptSetupHeader(const SetupHeader& inner, BootParams& params) {
  SanitizeBootParams(params);
  SetupHeader header{};
  std::memcpy(&header, &inner, LengthOf(inner));
  KeepLoaderFields(params.hdr, header);
  params.hdr = header;
}

void SetCommandLine(PhysAddr line, BootParams& params) {
  Split(line.raw(), params.hdr.cmd_line_ptr, params.ext_cmd_line_ptr);
}

void SetInitrd(PhysRange initrd, BootParams& params) {
  Split(initrd.empty() ? 0 : initrd.start().raw(), params.hdr.ramdisk_image, params.ext_ramdisk_image);
  Split(initrd.size(), params.hdr.ramdisk_size, params.ext_ramdisk_size);
}

void DropEfi(BootParams& params) { params.efi_info = {}; }

// The ids of boot.rst, type_of_loader: the upper digit, or that of ext_loader_type where it is 0xe.
std::string_view LoaderName(const BootParams& params) {
  const auto type = std::to_integer<unsigned>(params.hdr.type_of_loader);
  const auto extended = std::to_integer<unsigned>(params.hdr.ext_loader_type);
  const unsigned id = type >> 4 == 0xe ? extended + 0x10 : type >> 4;
  switch (id) {
    case 0x1:
      return "loadlin";
    case 0x2:
      return "efi-stub";  // the kernel's own, which goes by the boot sector's number
    case 0x3:
      return "syslinux";
    case 0x4:
      return "ipxe";
    case 0x5:
      return "elilo";
    case 0x7:
      return "grub";
    case 0x8:
      return "u-boot";
    case 0x9:
      return "xen";
    case 0xb:
      return "qemu";
    case 0xd:
      return params.hdr.boot_flag.value() == kKexecToolsBootFlag ? "kexec-tools" : "linux";
    case 0x12:
      return "ovmf";
    case 0x13:
      return "barebox";
    default:
      return "loader";
  }
}

}  // namespace holdfast
