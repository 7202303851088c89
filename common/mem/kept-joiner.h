// SPDX-License-Identifier: BSD-2-Clause
// How kept ranges become one, or give way to each other.

#pragma once

#include <algorithm>
#include <cstddef>

#include "common/base/bounded-vector.h"
#include "common/mem/preserved-map.h"

namespace holdfast {

// Are both spoken of at one place, and protected alike?
inline bool HaveOneName(const KeptRange& a, const KeptRange& b) {
  return a.fence == b.fence && a.source == b.source && a.node == b.node && a.kind == b.kind;
}

inline void GrowTo(PhysRange& range, PhysAddr end) { range = PhysRange::All().From(range.start()).UpTo(end); }

// Writes what Seal() makes of ranges that come in the order of ComesBefore().  Ranges of different names stay apart, so
// that a refusal can say whose memory it was.
//
//   added    |----- a -----|            |-- c --|-- c --|     |------ uncertain ------|
//                     |------ b ------|                            |-- other --|
//   sealed   |----- a -----|--- b ----| |------ c ------|     |-u--|-- other --|--u---|
class KeptJoiner {
 public:
  explicit KeptJoiner(BoundedVector<KeptRange>& out) : out_(out) {}

  // kTableFull: this would make more than `room` ranges.
  Status Take(KeptRange next, std::size_t room) {
    next.range = next.range.RoundedOut(kPageSize);
    if (next.kind == KeptKind::kUncertain || Covered() < next.range.start()) {
      TRY(WriteRest(room));
    }
    if (!out_.empty() && GivesWay(out_.back(), next)) {
      rest_ = out_.back();
      rest_.range = rest_.range.From(next.range.end());
      out_.back().range = out_.back().range.UpTo(next.range.start());
      out_.Truncate(out_.size() - (out_.back().range.empty() ? 1 : 0));
    }
    return Write(next, room);
  }

  // What was cut off an uncertain range and is not written yet.
  Status WriteRest(std::size_t room) {
    const KeptRange rest = rest_;
    rest_ = KeptRange();
    return Write(rest, room);
  }

 private:
  static bool GivesWay(const KeptRange& last, const KeptRange& next) {
    return last.kind == KeptKind::kUncertain && next.kind != KeptKind::kUncertain && last.fence != next.fence &&
           last.range.Overlaps(next.range);
  }

  // Of uncertain ranges that overlap one is made, so that the last one is all that may have to give way.
  bool IsOpenTo(const KeptRange& next) const {
    return !out_.empty() && out_.back().kind == KeptKind::kUncertain && next.kind == KeptKind::kUncertain &&
           out_.back().range.Overlaps(next.range);
  }

  PhysAddr Covered() const { return out_.empty() ? PhysAddr(0) : out_.back().range.end(); }

  Status Write(KeptRange next, std::size_t room) {
    if (IsOpenTo(next)) {
      GrowTo(out_.back().range, std::max(Covered(), next.range.end()));
      return kDone;
    }
    next.range = next.range.From(Covered());
    if (next.range.empty()) {
      return kDone;
    }
    if (!out_.empty() && next.range.start() == Covered() && HaveOneName(out_.back(), next)) {
      GrowTo(out_.back().range, next.range.end());
      return kDone;
    }
    return out_.size() < room ? out_.Append(next) : Status(Error{Errc::kTableFull, out_.capacity()});
  }

  BoundedVector<KeptRange>& out_;
  KeptRange rest_;
};

}  // namespace holdfast
