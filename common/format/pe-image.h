// SPDX-License-Identifier: BSD-2-Clause
// The sections of a PE image, as a file or as firmware has loaded it.
//
// Layout: common/abi/pe.h.  Names of sections with inputs are systemd-stub's (systemd-stub(7)): .linux, .initrd,
// .cmdline, .osrel, .uname, .dtb.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/abi/pe.h"
#include "common/base/bounded-vector.h"

namespace holdfast {

inline constexpr std::size_t kMaxPeSections = 32;

enum class PeForm : std::uint8_t {
  kFile,    // a section's bytes are at its offset in the file
  kLoaded,  // they are at its address in the image
};

struct PeImage {
  std::span<const std::byte> bytes;
  PeForm form = PeForm::kFile;
  PeFileHeader file_header;
  PeOptionalHeader optional_header;
  std::uint64_t section_table = 0;  // offset in the file
  bool is_signed = false;           // there is a certificate table
  FixedVector<PeSection, kMaxPeSections> sections;

  // The first section of that name, its bytes at most as long as the section says both in the file and in memory (what
  // is behind is padding); nullopt without one.
  std::optional<std::span<const std::byte>> Find(std::string_view name) const;
  // The same, empty without one.
  std::span<const std::byte> BytesOf(std::string_view name) const {
    return Find(name).value_or(std::span<const std::byte>());
  }
};

// `bytes` is the whole file, or the whole image.  Every section was looked at: the bytes that Find() gives are inside.
// kTruncated; kBadMagic (where: byte offset): no MZ, PE or PE32+; kUnsupported (where: the machine); kMalformed (where:
// byte offset in the headers): an optional header, a section or an alignment that cannot be, two sections that overlap
// in memory; kTableFull.
Status DecodePeImage(std::span<const std::byte> bytes, PeForm form, PeImage& out);

}  // namespace holdfast
