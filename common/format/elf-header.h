// SPDX-License-Identifier: BSD-2-Clause
// What an ELF file says of itself first, for those who read one.

#pragma once

#include <cstddef>
#include <cstdint>

#include "common/abi/elf.h"
#include "common/base/result.h"

namespace holdfast {

// kBadMagic; kUnsupported: not of 64-bit x86, not little-endian, another version of the format, or not of `type`
// (kElfTypeExec, ...).  Where: byte offset of the field.
inline Status CheckElfIdentity(const Elf64Header& header, std::uint16_t type) {
  if (header.magic.value() != kElfMagic) {
    return Error{Errc::kBadMagic, offsetof(Elf64Header, magic)};
  }
  if (header.file_class != kElfClass64) {
    return Error{Errc::kUnsupported, offsetof(Elf64Header, file_class)};
  }
  if (header.data != kElfData2Lsb) {
    return Error{Errc::kUnsupported, offsetof(Elf64Header, data)};
  }
  if (header.version != kElfVersionCurrent) {
    return Error{Errc::kUnsupported, offsetof(Elf64Header, version)};
  }
  if (header.type.value() != type) {
    return Error{Errc::kUnsupported, offsetof(Elf64Header, type)};
  }
  if (header.machine.value() != kElfMachineX8664) {
    return Error{Errc::kUnsupported, offsetof(Elf64Header, machine)};
  }
  return kDone;
}

}  // namespace holdfast
