// SPDX-License-Identifier: BSD-2-Clause
// What lies where in physical memory: the decoded form of an e820 table.

#include "common/mem/memory-map.h"

#include <algorithm>

namespace holdfast {
namespace {

using Entries = BoundedVector<MemEntry>;

bool Joins(const MemEntry& left, const MemEntry& right) {
  return left.type == right.type && left.range.end() == right.range.start();
}

// Pre: left and right touch.
PhysRange Joined(PhysRange left, PhysRange right) { return PhysRange::FromStartEnd(left.start(), right.end()).value(); }

// Puts `entry` before entries[i], or makes it part of the neighbours that it joins.
Status InsertJoined(Entries& entries, std::size_t i, MemEntry entry) {
  const bool joins_left = i > 0 && Joins(entries[i - 1], entry);
  const bool joins_right = i < entries.size() && Joins(entry, entries[i]);
  if (joins_right) {
    entry.range = Joined(entry.range, entries[i].range);
  }
  if (joins_left) {
    entries[i - 1].range = Joined(entries[i - 1].range, entry.range);
    entries.Erase(i, joins_right ? i + 1 : i);
    return kDone;
  }
  if (joins_right) {
    entries[i] = entry;
    return kDone;
  }
  return entries.Insert(i, entry);
}

// Takes `hit`, which it contains, out of entries[i].  Returns the index at which a new entry for `hit` belongs.
Result<std::size_t> CutOut(Entries& entries, std::size_t i, PhysRange hit) {
  //   |<-------- entries[i] -------->|
  //   |  left  |    hit    |  right  |
  const MemEntry old = entries[i];
  const PhysRange left = old.range.UpTo(hit.start());
  const PhysRange right = old.range.From(hit.end());
  if (left.empty() && right.empty()) {
    entries.Erase(i, i + 1);
    return i;
  }
  if (left.empty()) {
    entries[i].range = right;
    return i;
  }
  entries[i].range = left;
  if (!right.empty()) {
    TRY(entries.Insert(i + 1, {right, old.type}));
  }
  return i + 1;
}

}  // namespace

Status MemoryMap::AppendAscending(PhysRange range, MemType type) {
  if (range.empty()) {
    return kDone;
  }
  Require(entries_.empty() || entries_.back().range.end() <= range.start());
  return InsertJoined(entries_, entries_.size(), {range, type});
}

Status MemoryMap::Overlay(PhysRange range, MemType type) {
  //   before    |    2    |       |    1    |
  //   range        |<-------- 2 -------->|        piece by piece, as far as
  //   pieces       |      |       |      |        one entry or hole reaches
  //   after     |            2           |1 |
  PhysRange rest = range;
  while (!rest.empty()) {
    const std::size_t i = FirstEndingAfter(rest.start());
    PhysRange piece;
    if (i == entries_.size() || rest.start() < entries_[i].range.start()) {
      piece = i == entries_.size() ? rest : rest.UpTo(entries_[i].range.start());
      TRY(InsertJoined(entries_, i, {piece, type}));
    } else {
      piece = rest.Intersection(entries_[i].range);
      if (entries_[i].type < type) {
        TRY_ASSIGN(const std::size_t at, CutOut(entries_, i, piece));
        TRY(InsertJoined(entries_, at, {piece, type}));
      }
    }
    rest = rest.From(piece.end());
  }
  return kDone;
}

std::size_t MemoryMap::FirstEndingAfter(PhysAddr address) const {
  const auto it = std::partition_point(entries_.begin(), entries_.end(),
                                       [address](const MemEntry& entry) { return entry.range.end() <= address; });
  return static_cast<std::size_t>(it - entries_.begin());
}

std::uint64_t MemoryMap::BytesOf(MemType type) const {
  std::uint64_t sum = 0;
  for (const MemEntry& entry : entries_) {
    sum += entry.type == type ? entry.range.size() : 0;
  }
  return sum;
}

}  // namespace holdfast
