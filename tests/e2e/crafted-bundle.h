// SPDX-License-Identifier: BSD-2-Clause
// Bundles that mkhandover would not make: taken from an image, changed, and sealed again.
//
// Only what a scenario changes is wrong: sizes, offsets and digests are put right when the bundle is written, so the
// stage gets as far as the fault.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "common/abi/bundle.h"
#include "common/abi/elf.h"

namespace holdfast::e2e {

using ByteVector = std::vector<std::byte>;

struct CraftedPart {
  BundlePartKind kind{};
  BundleEncoding encoding{};
  ByteVector stored;
  std::uint64_t size = 0;  // decoded
};

struct CraftedBundle {
  KernelEntry entry = KernelEntry::kAuto;
  std::vector<CraftedPart> parts;

  // What an image carries.  Throws if it is none, or carries no bundle.
  static CraftedBundle From(const std::filesystem::path& image);

  CraftedPart& Part(BundlePartKind kind);  // throws if there is none

  // As it lies in a file, with right digests.
  ByteVector Encode() const;
};

// After a change of a bundle's header or part table.
void SealAgain(ByteVector& bundle);

// The unpacked bytes of a vmlinux part; and back.
ByteVector UnpackPart(const CraftedPart& part);
void PackInto(const ByteVector& unpacked, CraftedPart& part);

// A stored number or struct at an offset of bytes that are as long as that; throws if they are not.
template <typename T>
T ReadAt(const ByteVector& bytes, std::uint64_t offset);
template <typename T>
void WriteAt(ByteVector& bytes, std::uint64_t offset, const T& value);

ByteVector ReadBytes(const std::filesystem::path& file);
void WriteBytes(const std::filesystem::path& file, const ByteVector& bytes);

template <typename T>
T ReadAt(const ByteVector& bytes, std::uint64_t offset) {
  T value;
  if (offset > bytes.size() || sizeof(T) > bytes.size() - offset) throw std::out_of_range("crafted bytes are short");
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

template <typename T>
void WriteAt(ByteVector& bytes, std::uint64_t offset, const T& value) {
  if (offset > bytes.size() || sizeof(T) > bytes.size() - offset) throw std::out_of_range("crafted bytes are short");
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

}  // namespace holdfast::e2e
