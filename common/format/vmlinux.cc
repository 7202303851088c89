// SPDX-License-Identifier: BSD-2-Clause
// An unpacked kernel: the ELF file that a bzImage's payload holds, with the relocation tables behind it.

#include "common/format/vmlinux.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/base/byte-reader.h"
#include "common/format/elf-header.h"

namespace holdfast {
namespace {

// The kernel is mapped in pages of this size, so it is linked and placed at multiples of it.
constexpr std::uint64_t kKernelPage = 2 * kMiB;
constexpr std::size_t kEntrySize = sizeof(std::uint32_t);
constexpr std::size_t kMaxTables = 3;
constexpr std::size_t kSectionHeaderSize = 64;  // Elf64_Shdr

// A little-endian number.  Not a StoredInt: hundreds of thousands are read, and each has to be one instruction.
static_assert(std::endian::native == std::endian::little);
template <typename Word>
[[gnu::always_inline]] inline Word Load(const std::byte* from) {
  Word word;
  __builtin_memcpy(&word, from, sizeof(word));
  return word;
}
template <typename Word>
[[gnu::always_inline]] inline void Store(std::byte* to, Word word) {
  __builtin_memcpy(to, &word, sizeof(word));
}

// Where in the loaded image a relocation's place lies.  Any number, if the entry is not one of this image's.
[[gnu::always_inline]] inline std::uint64_t PlaceOf(const std::byte* entry, std::uint64_t load_address) {
  const auto linked =
      static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(Load<std::uint32_t>(entry))));
  return linked - kKernelMapStart - load_address;
}

Status CheckSizes(const Elf64Header& header) {
  if (header.header_size.value() != sizeof(Elf64Header)) {
    return Error{Errc::kMalformed, offsetof(Elf64Header, header_size)};
  }
  if (header.program_header_size.value() != sizeof(Elf64ProgramHeader)) {
    return Error{Errc::kMalformed, offsetof(Elf64Header, program_header_size)};
  }
  if (header.section_header_size.value() != kSectionHeaderSize) {
    return Error{Errc::kMalformed, offsetof(Elf64Header, section_header_size)};
  }
  // Without sections nothing says where the file ends and its relocations begin.
  if (header.num_section_headers.value() == 0) {
    return Error{Errc::kMalformed, offsetof(Elf64Header, num_section_headers)};
  }
  return kDone;
}

// The bytes of the ELF file alone, which its section headers end.
Result<std::span<const std::byte>> TakeElf(const Elf64Header& header, std::span<const std::byte> unpacked) {
  ByteReader reader(unpacked);
  TRY(reader.Seek(header.section_headers_offset.value()));
  TRY(reader.Take(std::uint64_t{header.num_section_headers.value()} * kSectionHeaderSize));
  return unpacked.first(reader.position());
}

// One PT_LOAD at `where` in the file; `memory` is what it takes of the image.
struct FoundSegment {
  LoadSegment segment;
  std::uint64_t memory = 0;
};

Result<FoundSegment> CheckSegment(const Elf64ProgramHeader& stored, std::uint64_t where, std::size_t elf_size,
                                  std::uint64_t load_address) {
  const std::uint64_t offset = stored.offset.value();
  const std::uint64_t size = stored.file_size.value();
  if (offset > elf_size) {
    return Error{Errc::kMalformed, where + offsetof(Elf64ProgramHeader, offset)};
  }
  if (size > elf_size - offset) {
    return Error{Errc::kMalformed, where + offsetof(Elf64ProgramHeader, file_size)};
  }
  if (stored.memory_size.value() < size) {
    return Error{Errc::kMalformed, where + offsetof(Elf64ProgramHeader, memory_size)};
  }
  if (stored.physical_address.value() < load_address) {
    return Error{Errc::kMalformed, where + offsetof(Elf64ProgramHeader, physical_address)};
  }
  const std::uint64_t target = stored.physical_address.value() - load_address;
  if (target > kKernelImageWindow || stored.memory_size.value() > kKernelImageWindow - target) {
    return Error{Errc::kTooLarge, kKernelImageWindow};
  }
  return FoundSegment{.segment = {.target = target, .offset = offset, .size = size},
                      .memory = stored.memory_size.value()};
}

// A segment as it stands in the list, with the memory that LoadSegment does not keep.
using FoundSegments = FixedVector<FoundSegment, kMaxLoadSegments>;

// Puts it where it belongs among those that were found.
Status InsertSegment(const FoundSegment& found, std::uint64_t where, FoundSegments& segments) {
  std::size_t index = 0;
  while (index < segments.size() && segments[index].segment.target < found.segment.target) {
    ++index;
  }
  const bool meets_previous =
      index > 0 && segments[index - 1].segment.target + segments[index - 1].memory > found.segment.target;
  const bool meets_next =
      index < segments.size() && found.segment.target + found.memory > segments[index].segment.target;
  if (meets_previous || meets_next) {
    return Error{Errc::kMalformed, where + offsetof(Elf64ProgramHeader, physical_address)};
  }
  return segments.Insert(index, found);
}

Status FindSegments(const Elf64Header& header, std::span<const std::byte> elf, std::uint64_t load_address,
                    FoundSegments& out) {
  ByteReader reader(elf);
  TRY(reader.Seek(header.program_headers_offset.value()));
  for (std::size_t i = 0; i < header.num_program_headers.value(); ++i) {
    const std::uint64_t where = reader.position();
    TRY_ASSIGN(const Elf64ProgramHeader stored, reader.Read<Elf64ProgramHeader>());
    if (stored.type.value() != kElfLoad || stored.memory_size.value() == 0) {
      continue;
    }
    TRY_ASSIGN(const FoundSegment found, CheckSegment(stored, where, elf.size(), load_address));
    TRY(InsertSegment(found, where, out));
  }
  if (out.empty()) {
    return Error{Errc::kMalformed, offsetof(Elf64Header, num_program_headers)};
  }
  return kDone;
}

bool HoldsEntry(const FoundSegments& segments, std::uint64_t entry) {
  return std::any_of(segments.begin(), segments.end(), [entry](const FoundSegment& found) {
    return entry >= found.segment.target && entry - found.segment.target < found.segment.size;
  });
}

// The tables in the order in which they are read: from the end.
Status SplitTables(std::span<const std::byte> bytes, std::uint64_t where,
                   FixedVector<std::span<const std::byte>, kMaxTables>& out) {
  if (bytes.size() % kEntrySize != 0) {
    return Error{Errc::kMalformed, where};
  }
  for (std::size_t end = bytes.size(); end != 0;) {
    std::size_t start = end;
    while (start != 0 && Load<std::uint32_t>(bytes.data() + start - kEntrySize) != 0) {
      start -= kEntrySize;
    }
    if (start == 0 || out.size() == kMaxTables) {  // no zero word in front, or one table too many
      return Error{Errc::kMalformed, where + start};
    }
    TRY(out.Append(bytes.subspan(start, end - start)));
    end = start - kEntrySize;
  }
  return kDone;
}

Status FindTables(std::span<const std::byte> bytes, std::uint64_t where, RelocationTables& out) {
  out = {};
  if (bytes.empty()) {
    return kDone;
  }
  FixedVector<std::span<const std::byte>, kMaxTables> tables;
  TRY(SplitTables(bytes, where, tables));
  switch (tables.size()) {
    case 2:
      out = {.add32 = tables[0], .subtract32 = {}, .add64 = tables[1]};
      return kDone;
    case 3:
      out = {.add32 = tables[0], .subtract32 = tables[1], .add64 = tables[2]};
      return kDone;
    default:
      return Error{Errc::kMalformed, where};
  }
}

// Every place of `width` bytes lies in the image.
Status CheckPlaces(const Vmlinux& kernel, std::span<const std::byte> unpacked, std::span<const std::byte> table,
                   std::uint64_t width) {
  const std::uint64_t last = kernel.image_size - width;
  for (std::size_t at = 0; at < table.size(); at += kEntrySize) {
    if (PlaceOf(table.data() + at, kernel.load_address) > last) {
      return Error{Errc::kMalformed, static_cast<std::uint64_t>(table.data() - unpacked.data()) + at};
    }
  }
  return kDone;
}

template <typename Word>
void Relocate(std::span<const std::byte> table, std::uint64_t load_address, Word delta, std::span<std::byte> image) {
  for (std::size_t at = 0; at < table.size(); at += kEntrySize) {
    const std::uint64_t place = PlaceOf(table.data() + at, load_address);
    Require(place <= image.size() - sizeof(Word));
    std::byte* const bytes = image.data() + place;
    Store(bytes, static_cast<Word>(Load<Word>(bytes) + delta));
  }
}

}  // namespace

Status DecodeVmlinux(std::span<const std::byte> unpacked, std::uint64_t load_address, Vmlinux& out) {
  ByteReader reader(unpacked);
  TRY_ASSIGN(const Elf64Header header, reader.Read<Elf64Header>());
  TRY(CheckElfIdentity(header, kElfTypeExec));
  TRY(CheckSizes(header));
  if (!IsAligned(load_address, kKernelPage)) {
    return Error{Errc::kMisaligned, load_address};
  }
  TRY_ASSIGN(out.elf, TakeElf(header, unpacked));
  out.load_address = load_address;

  FoundSegments segments;
  TRY(FindSegments(header, out.elf, load_address, segments));
  out.segments.Clear();
  for (const FoundSegment& found : segments) {
    TRY(out.segments.Append(found.segment));
  }
  out.image_size = AlignUp(segments.back().segment.target + segments.back().memory, kKernelPage);
  if (load_address > kKernelImageWindow || out.image_size > kKernelImageWindow - load_address) {
    return Error{Errc::kTooLarge, kKernelImageWindow};
  }
  out.entry = header.entry.value() - load_address;
  if (header.entry.value() < load_address || !HoldsEntry(segments, out.entry)) {
    return Error{Errc::kMalformed, offsetof(Elf64Header, entry)};
  }

  TRY(FindTables(unpacked.subspan(out.elf.size()), out.elf.size(), out.relocations));
  TRY(CheckPlaces(out, unpacked, out.relocations.add32, sizeof(std::uint32_t)));
  TRY(CheckPlaces(out, unpacked, out.relocations.subtract32, sizeof(std::uint32_t)));
  return CheckPlaces(out, unpacked, out.relocations.add64, sizeof(std::uint64_t));
}

KernelFacts VmlinuxFacts(const KernelFacts& bzimage, const Vmlinux& kernel) {
  KernelFacts facts = bzimage;
  facts.size = kernel.image_size;
  facts.alignment = std::max(facts.alignment, kKernelPage);
  if (!kernel.relocations.empty()) {
    facts.virtual_min = kernel.load_address;
    facts.virtual_end = kKernelImageWindow;
  }
  return facts;
}

void LoadVmlinux(const Vmlinux& kernel, std::uint64_t delta, std::span<std::byte> slot) {
  Require(slot.size() >= kernel.image_size);
  Require(delta == 0 || !kernel.relocations.empty());
  Require(delta <= kKernelImageWindow - kernel.load_address - kernel.image_size);
  const std::span<std::byte> image = slot.first(static_cast<std::size_t>(kernel.image_size));
  std::size_t written = 0;
  for (const LoadSegment& segment : kernel.segments) {
    const auto target = static_cast<std::size_t>(segment.target);
    const auto size = static_cast<std::size_t>(segment.size);
    std::memset(image.data() + written, 0, target - written);
    std::memcpy(image.data() + target, kernel.elf.subspan(static_cast<std::size_t>(segment.offset), size).data(), size);
    written = target + size;
  }
  std::memset(image.data() + written, 0, image.size() - written);

  if (delta != 0) {
    const auto delta32 = static_cast<std::uint32_t>(delta);
    Relocate(kernel.relocations.add32, kernel.load_address, delta32, image);
    Relocate(kernel.relocations.subtract32, kernel.load_address, static_cast<std::uint32_t>(-delta32), image);
    Relocate(kernel.relocations.add64, kernel.load_address, delta, image);
  }
}

}  // namespace holdfast
