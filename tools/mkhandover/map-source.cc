// SPDX-License-Identifier: BSD-2-Clause
// A MAP, whatever form it has: found out by looking.

#include "tools/mkhandover/map-source.h"

#include <algorithm>
#include <cstring>

#include "common/abi/boot-params.h"
#include "common/base/byte-reader.h"
#include "common/format/e820.h"
#include "common/format/efi-memory-map.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/map-text.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// An entry that is laid over others may split one of them.
constexpr std::size_t CapacityFor(std::size_t entries) { return 2 * entries + 16; }

bool IsBootParams(std::span<const std::byte> bytes) {
  if (bytes.size() != sizeof(BootParams)) {
    return false;
  }
  BootParams params;
  std::memcpy(&params, bytes.data(), sizeof(params));
  return params.hdr.header.value() == kSetupHeaderMagic;
}

std::unique_ptr<OwnedMap> DecodeBootParams(std::span<const std::byte> bytes, const std::string& name) {
  BootParams params;
  std::memcpy(&params, bytes.data(), sizeof(params));
  // A full table may go on in a setup_data node, which lies somewhere else.
  if (params.e820_entries == std::byte{kE820MaxZeropage} && params.hdr.setup_data.value() != 0) {
    throw Failure({Errc::kTruncated, bytes.size()},
                  Format("{}: its table of {} entries is full, and more may lie in a setup_data node that is not in "
                         "this file: use {}",
                         name, kE820MaxZeropage, kFirmwareMemmap));
  }
  auto out = std::make_unique<OwnedMap>(CapacityFor(kE820MaxZeropage));
  FailUnless(DecodeE820Zeropage(params, out->map()), name);
  return out;
}

std::unique_ptr<OwnedMap> DecodeEfi(std::span<const std::byte> bytes, const std::string& name, std::uint32_t stride) {
  auto out = std::make_unique<OwnedMap>(CapacityFor(bytes.size() / sizeof(std::uint64_t)));
  if (const Status status = DecodeEfiMemoryMap(bytes, stride, out->map()); !status.ok()) {
    throw Failure(status.error(), Format("{}: read as an EFI memory map of {}-byte descriptors: {}", name, stride,
                                         DescribeRule({.code = status.error().code, .where = status.error().where})));
  }
  return out;
}

std::string ReadAttribute(const std::filesystem::path& path) { return std::string(Trim(ReadTextFile(path.string()))); }

}  // namespace

std::unique_ptr<OwnedMap> LayOut(std::span<const MemEntry> entries, const std::string& name) {
  auto out = std::make_unique<OwnedMap>(CapacityFor(entries.size()));
  for (const MemEntry& entry : entries) {
    FailUnless(out->map().Overlay(entry.range, entry.type), name);
  }
  return out;
}

std::vector<MemEntry> ReadMemmapDirectory(const std::filesystem::path& directory) {
  std::vector<MemEntry> entries;
  for (const auto& child : std::filesystem::directory_iterator(directory)) {
    const std::filesystem::path& path = child.path();
    if (!std::filesystem::exists(path / "start")) {
      continue;
    }
    const auto first = ParseHex(ReadAttribute(path / "start"));
    const auto last = ParseHex(ReadAttribute(path / "end"));
    const std::string type_name = ReadAttribute(path / "type");
    const auto type = MemTypeFromName(type_name);
    const auto range = first && last ? RangeFromFirstLast(*first, *last) : std::nullopt;
    if (!range) {
      throw Failure(ExitCode::kBadInput, Format("{}: start and end are not a range of addresses", path.string()));
    }
    if (!type) {
      throw Failure(ExitCode::kBadInput,
                    Format("{}: unknown type of memory: {}", (path / "type").string(), Printable(type_name)));
    }
    entries.push_back({*range, *type});
  }
  if (entries.empty()) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: no entries N/start, N/end, N/type as in {}", directory.string(), kFirmwareMemmap));
  }
  return entries;
}

std::unique_ptr<OwnedMap> DecodeMap(std::span<const std::byte> bytes, const std::string& name,
                                    std::uint32_t efi_descriptor_size) {
  if (bytes.empty()) {
    throw Failure(ExitCode::kBadInput, Format("{}: empty: a memory map has at least one entry", name));
  }
  if (IsBootParams(bytes)) {
    return DecodeBootParams(bytes, name);
  }
  if (!IsText(bytes)) {
    return DecodeEfi(bytes, name, efi_descriptor_size);
  }
  const std::string_view text = AsText(bytes);
  std::vector<MemEntry> entries;
  if (LooksLikeE820Text(text)) {
    entries = ParseE820Text(text, name);
  } else if (LooksLikeIomemText(text)) {
    entries = ParseIomemText(text, name);
  } else {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: no memory map: neither e820 lines, nor /proc/iomem, nor boot_params, "
                         "nor an EFI memory map",
                         name));
  }
  if (entries.empty()) {
    throw Failure(ExitCode::kBadInput, Format("{}: no line names a kind of memory", name));
  }
  return LayOut(entries, name);
}

std::unique_ptr<OwnedMap> ReadMap(const std::string& where, std::uint32_t efi_descriptor_size) {
  if (where != "-" && std::filesystem::is_directory(where)) {
    return LayOut(ReadMemmapDirectory(where), where);
  }
  return DecodeMap(ReadFile(where), FileName(where), efi_descriptor_size);
}

}  // namespace holdfast::tool
