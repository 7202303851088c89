// SPDX-License-Identifier: BSD-2-Clause
// Writes PKRAM's page table of preserved pages.

#include "common/format/pkram-table-writer.h"

#include <algorithm>

#include "common/abi/pkram.h"

namespace holdfast {
namespace {

constexpr int kLastLevel = 2;  // as x86 counts them: its entries are for 2 MiB
constexpr std::uint64_t kLastSize = std::uint64_t{1} << kPkramLastShift;

constexpr int ShiftOf(int level) { return kPkramLastShift + kPkramTableBits * (level - kLastLevel); }

std::uint64_t Load(const std::byte* entry) {
  Le64 stored;
  std::memcpy(&stored, entry, sizeof(stored));
  return stored.value();
}
void Store(std::byte* entry, std::uint64_t value) {
  const Le64 stored(value);
  std::memcpy(entry, &stored, sizeof(stored));
}

}  // namespace

Result<PageArena::Page> PkramTableWriter::TakeInto(std::byte* entry) {
  TRY_ASSIGN(const PageArena::Page page, arena_.Take());
  Store(entry, page.at.raw());
  return page;
}

Result<std::byte*> PkramTableWriter::EntryOf(PhysAddr address, int level) {
  if (address.raw() >> ShiftOf(levels_ + 1) != 0) {
    return Error{Errc::kOutOfBounds, address.raw()};
  }
  std::byte* table = root_.bytes;
  for (int at = levels_;; --at) {
    std::byte* const entry = table + (address.raw() >> ShiftOf(at)) % kPkramTableEntries * sizeof(Le64);
    if (at == level) {
      return entry;
    }
    if (Load(entry) == 0) {
      TRY(TakeInto(entry));
    }
    table = root_.bytes + (Load(entry) - root_.at.raw());
  }
}

// `part` lies within one entry of the last level.
Status PkramTableWriter::MarkWithin(PhysRange part, bool is_huge) {
  TRY_ASSIGN(std::byte* const entry, EntryOf(part.start(), kLastLevel));
  if (part.size() == kLastSize && is_huge) {
    Store(entry, kPkramFull);
  }
  if (Load(entry) == kPkramFull) {
    return kDone;
  }
  if (Load(entry) == 0) {
    TRY(TakeInto(entry));
  }
  std::byte* const bitmap = root_.bytes + ((Load(entry) & ~kPkramFull) - root_.at.raw());
  for (std::uint64_t at = part.start().raw(); at < part.end().raw(); at += kPageSize) {
    const std::uint64_t bit = at % kLastSize / kPageSize;
    bitmap[bit / 8] |= static_cast<std::byte>(1 << bit % 8);
  }
  const std::span<const std::byte> bits(bitmap, kPkramBitmapSize);
  if (std::all_of(bits.begin(), bits.end(), [](std::byte byte) { return byte == std::byte{0xff}; })) {
    Store(entry, Load(entry) | kPkramFull);
  }
  return kDone;
}

Status PkramTableWriter::Mark(PhysRange range, bool is_huge) {
  for (PhysRange rest = range; !rest.empty();) {
    const PhysAddr end(AlignDown(rest.start().raw(), kLastSize) + kLastSize);
    TRY(MarkWithin(rest.UpTo(end), is_huge));
    rest = rest.From(end);
  }
  return kDone;
}

}  // namespace holdfast
