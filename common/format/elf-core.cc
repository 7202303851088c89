// SPDX-License-Identifier: BSD-2-Clause
// Captured physical memory as an ELF core: which part of the file holds which addresses.

#include "common/format/elf-core.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "common/abi/elf.h"
#include "common/base/byte-reader.h"
#include "common/format/elf-header.h"

namespace holdfast {
namespace {

constexpr std::uint64_t kNoAddress = std::numeric_limits<std::uint64_t>::max();

Status CheckHeader(const Elf64Header& header) {
  TRY(CheckElfIdentity(header, kElfTypeCore));
  if (header.program_header_size.value() != sizeof(Elf64ProgramHeader)) {
    return Error{Errc::kMalformed, offsetof(Elf64Header, program_header_size)};
  }
  if (header.num_program_headers.value() == kElfManyProgramHeaders) {
    return Error{Errc::kUnsupported, offsetof(Elf64Header, num_program_headers)};
  }
  return kDone;
}

// `where` is the program header's place in the file.
Status AddSegment(const Elf64ProgramHeader& stored, std::uint64_t where, std::uint64_t file_size,
                  BoundedVector<CoreSegment>& out) {
  const std::uint64_t size = stored.file_size.value();
  const std::uint64_t address = stored.physical_address.value();
  if (stored.type.value() != kElfLoad || address == kNoAddress || size == 0) {
    return kDone;
  }
  if (stored.memory_size.value() < size) {
    return Error{Errc::kMalformed, where + offsetof(Elf64ProgramHeader, memory_size)};
  }
  const std::uint64_t offset = stored.offset.value();
  if (offset > file_size || size > file_size - offset) {
    return Error{Errc::kTruncated, file_size};
  }
  TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(PhysAddr(address), size));
  return out.Append({.range = range, .offset = offset});
}

}  // namespace

Result<std::uint64_t> ElfCoreHeadSize(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  TRY_ASSIGN(const Elf64Header header, reader.Read<Elf64Header>());
  TRY(CheckHeader(header));
  const std::uint64_t offset = header.program_headers_offset.value();
  const std::uint64_t size = std::uint64_t{header.num_program_headers.value()} * sizeof(Elf64ProgramHeader);
  if (offset > kNoAddress - size) {
    return Error{Errc::kMalformed, offsetof(Elf64Header, program_headers_offset)};
  }
  return std::max<std::uint64_t>(offset + size, sizeof(Elf64Header));
}

Status DecodeElfCore(std::span<const std::byte> head, std::uint64_t file_size, BoundedVector<CoreSegment>& out) {
  ByteReader reader(head);
  TRY_ASSIGN(const Elf64Header header, reader.Read<Elf64Header>());
  TRY(CheckHeader(header));
  TRY(reader.Seek(header.program_headers_offset.value()));
  for (std::uint16_t i = 0; i < header.num_program_headers.value(); ++i) {
    const std::size_t where = reader.position();
    TRY_ASSIGN(const Elf64ProgramHeader stored, reader.Read<Elf64ProgramHeader>());
    TRY(AddSegment(stored, where, file_size, out));
  }
  return kDone;
}

}  // namespace holdfast
