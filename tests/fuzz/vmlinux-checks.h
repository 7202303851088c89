// SPDX-License-Identifier: BSD-2-Clause
// What must hold of any unpacked kernel that decodes, and of the image that it is loaded as.

#pragma once

#include <algorithm>
#include <memory>

#include "common/format/vmlinux.h"
#include "tests/fuzz/fuzz-input.h"

namespace holdfast::fuzz {

// Larger images are decoded, but not loaded: a run would be spent on filling memory.
inline constexpr std::uint64_t kLargestLoaded = 4 * kMiB;

// A slot that ends where its memory ends, so that ASan sees a write behind it.
class Slot {
 public:
  explicit Slot(std::uint64_t size) : size_(static_cast<std::size_t>(size)), bytes_(new std::byte[size_]) {
    std::memset(bytes_.get(), 0xcc, size_);
  }
  std::span<std::byte> bytes() { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<std::byte[]> bytes_;
};

inline void CheckSegments(const Vmlinux& kernel) {
  std::uint64_t end = 0;
  for (const LoadSegment& segment : kernel.segments) {
    Check(segment.target >= end, "segments ascend");
    Check(segment.size <= kernel.image_size && segment.target <= kernel.image_size - segment.size,
          "segments lie in the image");
    Check(segment.offset <= kernel.elf.size() && segment.size <= kernel.elf.size() - segment.offset,
          "and their bytes in the ELF file");
    end = segment.target + segment.size;
  }
  Check(std::any_of(kernel.segments.begin(), kernel.segments.end(),
                    [&](const LoadSegment& segment) {
                      return kernel.entry >= segment.target && kernel.entry < segment.target + segment.size;
                    }),
        "the entry is one of the segments' bytes");
}

// The tables applied one by one, a byte at a time.
template <typename Stored, typename Word>
void RelocateSlowly(std::span<const std::byte> table, std::uint64_t load_address, Word delta,
                    std::span<std::byte> image) {
  for (std::size_t at = 0; at < table.size(); at += sizeof(Le32)) {
    Le32 entry;
    std::memcpy(&entry, table.data() + at, sizeof(entry));
    // Sign-extended, and back to what is above the start of the kernel's part: all its addresses are in the top 2 GiB.
    Check(entry.value() >= 0x80000000, "a place is in the kernel's part of the address space");
    const std::uint64_t place = entry.value() - std::uint64_t{0x80000000} - load_address;
    Check(place <= image.size() - sizeof(Stored), "a place lies in the image");
    Stored value;
    std::memcpy(&value, image.data() + place, sizeof(value));
    value.Set(static_cast<Word>(value.value() + delta));
    std::memcpy(image.data() + place, &value, sizeof(value));
  }
}

inline void CheckLoaded(const Vmlinux& kernel) {
  Slot plain(kernel.image_size);
  LoadVmlinux(kernel, 0, plain.bytes());
  Slot expected(kernel.image_size);
  std::memset(expected.bytes().data(), 0, expected.bytes().size());
  for (const LoadSegment& segment : kernel.segments) {
    const auto bytes =
        kernel.elf.subspan(static_cast<std::size_t>(segment.offset), static_cast<std::size_t>(segment.size));
    std::copy(bytes.begin(), bytes.end(), expected.bytes().begin() + static_cast<std::ptrdiff_t>(segment.target));
  }
  Check(std::memcmp(plain.bytes().data(), expected.bytes().data(), plain.bytes().size()) == 0,
        "an image is the segments, and zeroes");
  if (kernel.relocations.empty()) {
    return;
  }

  const std::uint64_t delta = kKernelImageWindow - kernel.load_address - kernel.image_size;
  LoadVmlinux(kernel, delta, plain.bytes());
  const auto delta32 = static_cast<std::uint32_t>(delta);
  const RelocationTables& tables = kernel.relocations;
  RelocateSlowly<Le32>(tables.add32, kernel.load_address, delta32, expected.bytes());
  RelocateSlowly<Le32>(tables.subtract32, kernel.load_address, 0U - delta32, expected.bytes());
  RelocateSlowly<Le64>(tables.add64, kernel.load_address, delta, expected.bytes());
  Check(std::memcmp(plain.bytes().data(), expected.bytes().data(), plain.bytes().size()) == 0,
        "a relocated image differs at the places, by what they are moved");
}

inline void CheckVmlinux(std::span<const std::byte> unpacked, std::uint64_t load_address) {
  Vmlinux kernel;
  if (!DecodeVmlinux(unpacked, load_address, kernel).ok()) {
    return;
  }
  Check(IsAligned(kernel.image_size, 2 * kMiB) && kernel.image_size > 0, "an image is whole pages of the kernel's");
  Check(load_address + kernel.image_size <= kKernelImageWindow, "an image ends in the kernel's window");
  CheckSegments(kernel);
  if (kernel.image_size <= kLargestLoaded) {
    CheckLoaded(kernel);
  }
}

}  // namespace holdfast::fuzz
