// SPDX-License-Identifier: BSD-2-Clause
// PKRAM's map of 2020: a table of the preserved pages, shaped as x86 page tables are.

#include "common/format/pkram-page-table.h"

#include <algorithm>
#include <array>

#include "common/abi/pkram.h"
#include "common/format/bit-runs.h"
#include "common/mem/phys-read.h"

namespace holdfast {
namespace {

constexpr int kLastLevel = 2;  // as x86 counts them: its entries are for 2 MiB
constexpr int kMaxLevels = 5;
constexpr std::int8_t kHugeOrder = 9;

constexpr int ShiftOf(int level) { return kPkramLastShift + kPkramTableBits * (level - kLastLevel); }

// What an entry of the last level says.
struct LastEntry {
  PhysAddr bitmap;  // 0: none
  bool is_full = false;
};

Result<LastEntry> DecodeLastEntry(std::uint64_t stored) {
  const PhysAddr bitmap(stored & ~kPkramFull);
  if (!IsAligned(bitmap.raw(), kPageSize)) {
    return Error{Errc::kMisaligned, bitmap.raw()};
  }
  return LastEntry{bitmap, (stored & kPkramFull) != 0};
}

class Table {
 public:
  Table(const PkramSuperBlock& super, int levels, const PhysMemory& memory, const BlockSink& sink, PkramFacts& facts)
      : super_(super), levels_(levels), memory_(memory), sink_(sink), facts_(facts) {}

  // Recurses once a level.
  Status Walk(PhysAddr at, int level, std::uint64_t start) {
    TRY(Enter(at, level));
    TRY_ASSIGN(const StoredPage page, StoredPage::At(memory_, at));
    for (std::uint64_t i = 0; i < kPkramTableEntries; ++i) {
      const std::uint64_t stored = page.U64(i * sizeof(Le64));
      if (stored == 0) {
        continue;
      }
      const std::uint64_t first = start + (i << ShiftOf(level));
      if (first >= kPhysLimit) {
        return Error{Errc::kOutOfBounds, first};
      }
      TRY(level == kLastLevel ? TakeLast(stored, PhysAddr(first)) : Walk(PhysAddr(stored), level - 1, first));
    }
    return kDone;
  }

 private:
  // A page of the table's own: it must be none of those that lead to it, and be marked.
  Status Enter(PhysAddr at, int level) {
    const auto above = std::span(path_).subspan(static_cast<std::size_t>(level));
    if (at == super_.at || std::find(above.begin(), above.end(), at) != above.end()) {
      return Error{Errc::kCycle, at.raw()};
    }
    if (facts_.num_structures == kMaxPkramStructures) {
      return Error{Errc::kTooLarge, kMaxPkramStructures * kPageSize};
    }
    ++facts_.num_structures;
    path_[static_cast<std::size_t>(level - 1)] = at;
    return level == levels_ ? Status(kDone) : CheckMarked(at);
  }

  Status CheckMarked(PhysAddr page) const {
    TRY_ASSIGN(const bool is_marked, IsMarked(page));
    return is_marked ? Status(kDone) : Error{Errc::kMalformed, page.raw()};
  }

  Result<bool> IsMarked(PhysAddr address) const {
    if (address.raw() >> ShiftOf(levels_ + 1) != 0) {
      return false;
    }
    PhysAddr at = super_.root;
    for (int level = levels_;; --level) {
      TRY_ASSIGN(const StoredPage page, StoredPage::At(memory_, at));
      const std::uint64_t index = (address.raw() >> ShiftOf(level)) % kPkramTableEntries;
      const std::uint64_t stored = page.U64(index * sizeof(Le64));
      if (stored == 0) {
        return false;
      }
      if (level == kLastLevel) {
        return IsMarkedBy(stored, address);
      }
      at = PhysAddr(stored);
    }
  }

  Result<bool> IsMarkedBy(std::uint64_t stored, PhysAddr address) const {
    TRY_ASSIGN(const LastEntry entry, DecodeLastEntry(stored));
    if (entry.is_full) {
      return true;
    }
    TRY_ASSIGN(const StoredPage page, StoredPage::At(memory_, entry.bitmap));
    const std::uint64_t bit = address.raw() / kPageSize % (kPkramBitmapSize * 8);
    return (page.Get<std::uint8_t>(bit / 8) >> (bit % 8) & 1) != 0;
  }

  Status TakeLast(std::uint64_t stored, PhysAddr start) {
    TRY_ASSIGN(const LastEntry entry, DecodeLastEntry(stored));
    if (entry.bitmap != PhysAddr(0)) {
      TRY(Enter(entry.bitmap, kLastLevel - 1));
    }
    TRY_ASSIGN(const PhysRange whole, PhysRange::FromStartSize(start, std::uint64_t{1} << kPkramLastShift));
    if (entry.is_full) {
      const bool is_huge = entry.bitmap == PhysAddr(0);
      return sink_.Add({.range = whole, .order = is_huge ? kHugeOrder : KeptBlock::kNoOrder});
    }
    TRY_ASSIGN(const StoredPage page, StoredPage::At(memory_, entry.bitmap));
    BitRuns runs(page.Bytes(0, kPkramBitmapSize), kPkramBitmapSize * 8);
    while (const auto run = runs.Next()) {
      const PhysAddr first(start.raw() + run->first * kPageSize);
      TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(first, run->count * kPageSize));
      TRY(sink_.Add({.range = range}));
    }
    return kDone;
  }

  const PkramSuperBlock& super_;
  int levels_;
  const PhysMemory& memory_;
  const BlockSink& sink_;
  PkramFacts& facts_;
  std::array<PhysAddr, kMaxLevels> path_{};  // by level: the table that is being walked
};

}  // namespace

Status DecodePkramPageTable(const PkramSuperBlock& super, int levels, const PhysMemory& memory, const BlockSink& sink,
                            PkramFacts& out) {
  if (levels != kMaxLevels && levels != kMaxLevels - 1) {
    return Error{Errc::kUnsupported, static_cast<std::uint64_t>(levels)};
  }
  TRY_ASSIGN(const StoredPage root, StoredPage::At(memory, super.root));
  TRY(sink.Add({.range = root.range(), .kind = KeptKind::kStructure}));
  return Table(super, levels, memory, sink, out).Walk(super.root, levels, 0);
}

}  // namespace holdfast
