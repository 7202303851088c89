// SPDX-License-Identifier: BSD-2-Clause
// boot_params and all that they point to, for a kernel that is loaded without kexec-tools.

#include "tools/mkhandover/params-block.h"

#include <cstring>

#include "common/abi/setup-data.h"
#include "common/base/align.h"
#include "common/format/boot-params.h"
#include "common/format/e820.h"
#include "tools/mkhandover/failure.h"

namespace holdfast::tool {
namespace {

// Any value that is assigned will do; kexec-tools and the kernel's own loader take this one.
constexpr std::byte kTypeOfLoader{0xd0};
constexpr std::uint64_t kNodeAlignment = 16;

// The payload of a SETUP_EFI node: struct efi_setup_data (arch/x86/include/asm/efi.h).
struct EfiSetupData {
  Le64 fw_vendor;
  Le64 unused;
  Le64 tables;
  Le64 smbios;
  std::array<Le64, 8> reserved;
};
static_assert(sizeof(EfiSetupData) == 0x60);

// Fields of boot_params that say what hardware and firmware there is.
struct Field {
  std::size_t offset;
  std::size_t size;
};
constexpr std::array<Field, 5> kHardwareFields = {{
    {0x000, 0x40},           // screen_info
    {0x140, 0x80},           // edid_info
    {0x1e9, 2},              // eddbuf_entries, edd_mbr_sig_buf_entries
    {0x290, 0x40},           // edd_mbr_sig_buffer
    {0xd00, 0xeec - 0xd00},  // eddbuf
}};
constexpr Field kSecureBoot = {0x1ec, 1};

void CopyField(const Field& field, const BootParams& from, BootParams& to) {
  std::memcpy(reinterpret_cast<std::byte*>(&to) + field.offset,
              reinterpret_cast<const std::byte*>(&from) + field.offset, field.size);
}

template <typename T>
std::vector<std::byte> BytesOf(std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  return {bytes.begin(), bytes.end()};
}

void CopyTo(std::span<std::byte> block, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (!bytes.empty()) {
    std::memcpy(block.subspan(offset, bytes.size()).data(), bytes.data(), bytes.size());
  }
}

Le32 Low(std::uint64_t value) { return Le32(static_cast<std::uint32_t>(value & 0xffffffff)); }
Le32 High(std::uint64_t value) { return Le32(static_cast<std::uint32_t>(value >> 32)); }

}  // namespace

void ParamsBlock::AddNode(std::uint32_t type, std::span<const std::byte> payload) {
  size_ = AlignUp(size_, kNodeAlignment);
  nodes_.push_back({.type = type, .payload = {payload.begin(), payload.end()}, .offset = size_});
  size_ += sizeof(SetupDataHeader) + payload.size();
}

ParamsBlock::ParamsBlock(const Machine& machine, const SetupHeader& header, std::string cmdline, const RngSeed& seed)
    : cmdline_(std::move(cmdline)) {
  for (const Field& field : kHardwareFields) {
    CopyField(field, machine.params, params_);
  }
  params_.acpi_rsdp_addr.Set(machine.acpi_rsdp);
  params_.hdr = header;
  params_.hdr.type_of_loader = kTypeOfLoader;
  params_.hdr.hardware_subarch = machine.params.hdr.hardware_subarch;
  params_.hdr.hardware_subarch_data = machine.params.hdr.hardware_subarch_data;

  std::vector<E820Entry> extension(machine.map->map().size());
  const auto extended = EncodeE820(machine.map->map(), params_, extension);
  if (!extended.ok()) {
    FailToDecode("e820", extended.error());
  }
  extension.resize(extended.value());

  cmdline_offset_ = sizeof(BootParams);
  size_ = cmdline_offset_ + cmdline_.size() + 1;
  if (!extension.empty()) {
    AddNode(kSetupE820Ext, std::as_bytes(std::span(extension)));
  }
  if (machine.efi != nullptr) {
    const EfiSetupData data{.fw_vendor = Le64(machine.efi->fw_vendor),
                            .unused = Le64(0),
                            .tables = Le64(machine.efi->config_table),
                            .smbios = Le64(machine.efi->smbios),
                            .reserved = {}};
    AddNode(kSetupEfi, std::as_bytes(std::span(&data, 1)));
    CopyField(kSecureBoot, machine.params, params_);
    params_.efi_info = machine.efi->info;
    efi_map_ = BytesOf(std::span<const EfiMemoryDescriptor>(machine.efi->runtime_map));
  }
  AddNode(kSetupRngSeed, seed);
  efi_map_offset_ = AlignUp(size_, kNodeAlignment);
  size_ = AlignUp(efi_map_offset_ + efi_map_.size(), kPageSize);
}

std::vector<std::byte> ParamsBlock::At(std::uint64_t address, PhysRange initrd) const {
  BootParams params = params_;
  SetCommandLine(PhysAddr(address + cmdline_offset_), params);
  SetInitrd(initrd, params);
  if (!efi_map_.empty()) {
    const std::uint64_t map = address + efi_map_offset_;
    params.efi_info.memmap = Low(map);
    params.efi_info.memmap_hi = High(map);
    params.efi_info.memmap_size = Low(efi_map_.size());
    params.efi_info.memdesc_size = Low(sizeof(EfiMemoryDescriptor));
    params.efi_info.memdesc_version = Low(kEfiDescriptorVersion);
  }
  params.hdr.setup_data.Set(address + nodes_.front().offset);

  std::vector<std::byte> block(size_);
  CopyTo(block, 0, std::as_bytes(std::span(&params, 1)));
  CopyTo(block, cmdline_offset_, std::as_bytes(std::span(cmdline_)));
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    const SetupDataHeader header{.next = Le64(i + 1 < nodes_.size() ? address + nodes_[i + 1].offset : 0),
                                 .type = Le32(node.type),
                                 .len = Low(node.payload.size())};
    CopyTo(block, node.offset, std::as_bytes(std::span(&header, 1)));
    CopyTo(block, node.offset + sizeof(header), node.payload);
  }
  CopyTo(block, efi_map_offset_, efi_map_);
  return block;
}

}  // namespace holdfast::tool
