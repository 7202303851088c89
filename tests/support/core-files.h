// SPDX-License-Identifier: BSD-2-Clause
// ELF cores of captured memory, built from nothing.

#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "common/abi/elf.h"
#include "tests/support/kernel-files.h"

namespace holdfast::test {

struct CorePiece {
  std::uint64_t physical_address = 0;
  std::vector<std::byte> bytes{};
  std::uint32_t type = kElfLoad;
};

inline Elf64Header CoreHeader(std::size_t num_program_headers) {
  Elf64Header header{};
  header.magic = Le32(kElfMagic);
  header.file_class = kElfClass64;
  header.data = kElfData2Lsb;
  header.version = kElfVersionCurrent;
  header.type = Le16(kElfTypeCore);
  header.machine = Le16(kElfMachineX8664);
  header.program_headers_offset = Le64(sizeof(Elf64Header));
  header.header_size = Le16(sizeof(Elf64Header));
  header.program_header_size = Le16(sizeof(Elf64ProgramHeader));
  header.num_program_headers = Le16(static_cast<std::uint16_t>(num_program_headers));
  return header;
}

// The header, the program headers, then each piece's bytes in their order.
inline std::vector<std::byte> CoreFile(std::span<const CorePiece> pieces) {
  std::vector<std::byte> out;
  const Elf64Header header = CoreHeader(pieces.size());
  Push(out, header);
  std::uint64_t offset = sizeof(Elf64Header) + pieces.size() * sizeof(Elf64ProgramHeader);
  for (const CorePiece& piece : pieces) {
    Elf64ProgramHeader stored{};
    stored.type = Le32(piece.type);
    stored.offset = Le64(offset);
    stored.physical_address = Le64(piece.physical_address);
    stored.file_size = Le64(piece.bytes.size());
    stored.memory_size = Le64(piece.bytes.size());
    Push(out, stored);
    offset += piece.bytes.size();
  }
  for (const CorePiece& piece : pieces) {
    Push(out, piece.bytes);
  }
  return out;
}

}  // namespace holdfast::test
