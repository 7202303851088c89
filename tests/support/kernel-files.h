// SPDX-License-Identifier: BSD-2-Clause
// Small kernels and bundles as files, sound until a test changes a byte of them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "common/abi/boot-params.h"
#include "common/abi/bundle.h"
#include "common/abi/elf.h"
#include "common/base/align.h"
#include "common/codec/sha256.h"
#include "common/format/vmlinux.h"

namespace holdfast::test {

using ByteVector = std::vector<std::byte>;

template <typename T>
void Push(ByteVector& to, const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  to.insert(to.end(), bytes.begin(), bytes.end());
}

inline void Push(ByteVector& to, const ByteVector& bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

// A stored value at `offset`, which lies in `bytes`.
template <typename T>
T Get(std::span<const std::byte> bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.subspan(offset, sizeof(value)).data(), sizeof(value));
  return value;
}
template <typename T>
void Put(std::span<std::byte> bytes, std::size_t offset, const T& value) {
  std::memcpy(bytes.subspan(offset, sizeof(value)).data(), &value, sizeof(value));
}

// Bytes of no particular kind.
inline ByteVector Filled(std::size_t size, unsigned value) { return ByteVector(size, static_cast<std::byte>(value)); }

// --- A bzImage ----------------------------------------------------------------------------------------------------

// As in Debian's 6.1 cloud kernel.
inline SetupHeader DebianHeader(std::uint8_t setup_sectors = 39) {
  SetupHeader header{};
  header.setup_sects = std::byte{setup_sectors};
  header.syssize.Set(0x100);
  header.boot_flag.Set(0xaa55);
  header.header.Set(kSetupHeaderMagic);
  header.version.Set(0x020f);
  header.loadflags = std::byte{1};
  header.kernel_alignment.Set(0x200000);
  header.relocatable_kernel = std::byte{1};
  header.xloadflags.Set(0x7f);
  header.pref_address.Set(0x1000000);
  header.init_size.Set(0x3378000);
  return header;
}
inline constexpr std::size_t kSetupSize = 40 * 512;
inline constexpr std::size_t kPayloadOffset = 0x300;  // in the protected-mode part

// A file with that header and so many bytes after its setup.
inline ByteVector KernelFile(const SetupHeader& header, std::size_t protected_size) {
  ByteVector file(kSetupSize + protected_size);
  Put(file, kSetupHeaderOffset, header);
  return file;
}

// A file whose protected-mode part ends in this payload, which states that it unpacks to so many bytes.
inline ByteVector KernelFileWith(const ByteVector& packed, std::uint32_t unpacked_size) {
  SetupHeader header = DebianHeader();
  header.syssize.Set(0);
  header.payload_offset.Set(kPayloadOffset);
  header.payload_length.Set(static_cast<std::uint32_t>(packed.size() + sizeof(Le32)));
  ByteVector file = KernelFile(header, kPayloadOffset);
  Push(file, packed);
  Push(file, Le32(unpacked_size));
  return file;
}

// --- An unpacked kernel -------------------------------------------------------------------------------------------

struct TestSegment {
  std::uint64_t physical_address = 0;
  std::uint64_t memory_size = 0;
  ByteVector bytes;
};

struct TestVmlinux {
  std::uint64_t entry = 0;
  std::vector<TestSegment> segments;
  // As they lie in the file: 64-bit, inverse 32-bit where there are three, 32-bit.  Each entry is an offset from
  // physical address 0.
  std::vector<std::vector<std::uint32_t>> tables;

  // | header | program headers | bytes of the segments | one section header | tables |
  ByteVector Build() const {
    const std::size_t bytes_at = sizeof(Elf64Header) + segments.size() * sizeof(Elf64ProgramHeader);
    ByteVector headers;
    ByteVector bytes;
    for (const TestSegment& segment : segments) {
      Push(headers, Elf64ProgramHeader{.type = Le32(kElfLoad),
                                       .flags = Le32(7),
                                       .offset = Le64(bytes_at + bytes.size()),
                                       .virtual_address = Le64(kKernelMapStart + segment.physical_address),
                                       .physical_address = Le64(segment.physical_address),
                                       .file_size = Le64(segment.bytes.size()),
                                       .memory_size = Le64(segment.memory_size),
                                       .alignment = Le64(2 * kMiB)});
      Push(bytes, segment.bytes);
    }
    ByteVector file;
    Push(file, Elf64Header{.magic = Le32(kElfMagic),
                           .file_class = kElfClass64,
                           .data = kElfData2Lsb,
                           .version = kElfVersionCurrent,
                           .os_abi = {},
                           .type = Le16(kElfTypeExec),
                           .machine = Le16(kElfMachineX8664),
                           .object_version = Le32(1),
                           .entry = Le64(entry),
                           .program_headers_offset = Le64(sizeof(Elf64Header)),
                           .section_headers_offset = Le64(bytes_at + bytes.size()),
                           .flags = Le32(0),
                           .header_size = Le16(sizeof(Elf64Header)),
                           .program_header_size = Le16(sizeof(Elf64ProgramHeader)),
                           .num_program_headers = Le16(static_cast<std::uint16_t>(segments.size())),
                           .section_header_size = Le16(64),
                           .num_section_headers = Le16(1),
                           .section_names_index = Le16(0)});
    Push(file, headers);
    Push(file, bytes);
    Push(file, ByteVector(64));
    for (const auto& table : tables) {
      Push(file, Le32(0));
      for (const std::uint32_t offset : table) {
        Push(file, Le32(static_cast<std::uint32_t>(kKernelMapStart) + offset));
      }
    }
    return file;
  }
};

inline constexpr std::uint64_t kTestLoadAddress = 16 * kMiB;

// Two segments with a gap between them, the second with a .bss behind it; 4 MiB of memory and three tables.
inline TestVmlinux SmallVmlinux() {
  return {.entry = kTestLoadAddress + 0x20,
          .segments = {{.physical_address = kTestLoadAddress, .memory_size = 0x80, .bytes = Filled(0x80, 0x11)},
                       {.physical_address = kTestLoadAddress + 0x200000,
                        .memory_size = 0x1000,
                        .bytes = Filled(0x40, 0x22)}},
          .tables = {{0x1000008, 0x1000011}, {0x1000030}, {0x1200004, 0x1200021}}};
}

// --- A bundle -----------------------------------------------------------------------------------------------------

struct TestPart {
  BundlePartKind kind{};
  ByteVector stored;
  BundleEncoding encoding = BundleEncoding::kStored;
  std::uint64_t size = 0;  // decoded; as stored where it is 0
};

// Where the fields of a bundle's part lie.
constexpr std::size_t PartAt(std::size_t index, std::size_t field) {
  return sizeof(StoredBundleHeader) + index * sizeof(StoredBundlePart) + field;
}

// Writes the digest that header and table have now.
inline void SealBundle(std::span<std::byte> bundle) {
  const std::size_t num_parts = Get<Le32>(bundle, offsetof(StoredBundleHeader, num_parts)).value();
  Put(bundle, offsetof(StoredBundleHeader, digest), Digest{});
  Put(bundle, offsetof(StoredBundleHeader, digest), Sha256::Of(bundle.first(PartAt(num_parts, 0))));
}

inline ByteVector BuildBundle(const std::vector<TestPart>& parts, KernelEntry entry = KernelEntry::kAuto) {
  ByteVector bundle(PartAt(parts.size(), 0));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    bundle.resize(AlignUp(bundle.size(), kBundleAlignment));
    const TestPart& part = parts[i];
    Put(bundle, PartAt(i, 0),
        StoredBundlePart{.kind = Le32(static_cast<std::uint32_t>(part.kind)),
                         .encoding = Le32(static_cast<std::uint32_t>(part.encoding)),
                         .offset = Le64(bundle.size()),
                         .stored_size = Le64(part.stored.size()),
                         .size = Le64(part.size == 0 ? part.stored.size() : part.size),
                         .digest = Sha256::Of(part.stored)});
    Push(bundle, part.stored);
  }
  Put(bundle, 0,
      StoredBundleHeader{.magic = Le64(kBundleMagic),
                         .version = Le32(kBundleVersion),
                         .num_parts = Le32(static_cast<std::uint32_t>(parts.size())),
                         .size = Le64(bundle.size()),
                         .entry = Le32(static_cast<std::uint32_t>(entry)),
                         .mode = Le32(0),
                         .digest = {}});
  SealBundle(bundle);
  return bundle;
}

}  // namespace holdfast::test
