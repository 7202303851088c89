// SPDX-License-Identifier: BSD-2-Clause
// Half-open ranges of physical memory: [start, end).
//
// A PhysRange always ends at or below kPhysLimit.  FromStartSize() is the one
// gate through which numbers from outside enter, so every operation after it
// is total: no sum here can wrap, and none needs checking again.

#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>

#include "common/base/align.h"
#include "common/base/result.h"

namespace holdfast {

// x86-64: MAXPHYADDR is at most 52 (Intel SDM vol. 3A, 4.1.4).
inline constexpr std::uint64_t kPhysLimit = std::uint64_t{1} << 52;

// An address on the memory bus.  Not a pointer, not a size, and without
// operator+: offsets are taken through PhysRange, bytes through PhysMemory.
class PhysAddr {
 public:
  constexpr PhysAddr() = default;
  constexpr explicit PhysAddr(std::uint64_t raw) : raw_(raw) {}

  constexpr std::uint64_t raw() const { return raw_; }
  constexpr auto operator<=>(const PhysAddr&) const = default;

 private:
  std::uint64_t raw_ = 0;
};

class PhysRange {
 public:
  constexpr PhysRange() = default;  // Empty.

  static constexpr Result<PhysRange> FromStartSize(PhysAddr start, std::uint64_t size) {
    if (start.raw() > kPhysLimit || size > kPhysLimit - start.raw()) {
      return Error{Errc::kOutOfBounds, start.raw()};
    }
    return PhysRange(start, PhysAddr(start.raw() + size));
  }
  // For formats that store an exclusive end.  An end before the start is out of bounds.
  static constexpr Result<PhysRange> FromStartEnd(PhysAddr start, PhysAddr end) {
    if (end < start) {
      return Error{Errc::kOutOfBounds, start.raw()};
    }
    return FromStartSize(start, end.raw() - start.raw());
  }
  // Everything that an address can name.
  static constexpr PhysRange All() { return PhysRange(PhysAddr(0), PhysAddr(kPhysLimit)); }

  constexpr PhysAddr start() const { return start_; }
  constexpr PhysAddr end() const { return end_; }
  constexpr std::uint64_t size() const { return end_.raw() - start_.raw(); }
  constexpr bool empty() const { return start_ == end_; }

  constexpr bool Contains(PhysAddr address) const { return start_ <= address && address < end_; }
  // An empty range is contained in every range.
  constexpr bool Contains(PhysRange other) const {
    return other.empty() || (start_ <= other.start_ && other.end_ <= end_);
  }
  // An empty range overlaps nothing, not even a range around it.
  constexpr bool Overlaps(PhysRange other) const {
    return !empty() && !other.empty() && start_ < other.end_ && other.start_ < end_;
  }
  // Empty (at address 0) when they do not overlap.
  constexpr PhysRange Intersection(PhysRange other) const {
    return Overlaps(other) ? PhysRange(std::max(start_, other.start_), std::min(end_, other.end_)) : PhysRange();
  }

  // Memory we must keep is rounded outward, memory we may use inward.
  // Nothing stays nothing: an empty range rounds to an empty range.
  // Pre: align is a power of two of at most kPhysLimit.
  constexpr PhysRange RoundedOut(std::uint64_t align) const {
    return empty() ? PhysRange()
                   : PhysRange(PhysAddr(AlignDown(start_.raw(), align)), PhysAddr(AlignUp(end_.raw(), align)));
  }
  constexpr PhysRange RoundedIn(std::uint64_t align) const {
    const std::uint64_t first = AlignUp(start_.raw(), align);
    const std::uint64_t last = AlignDown(end_.raw(), align);
    return first < last ? PhysRange(PhysAddr(first), PhysAddr(last)) : PhysRange();
  }

  // The part from `address` on, and the part before it.
  constexpr PhysRange From(PhysAddr address) const { return PhysRange(std::clamp(address, start_, end_), end_); }
  constexpr PhysRange UpTo(PhysAddr address) const { return PhysRange(start_, std::clamp(address, start_, end_)); }

  constexpr bool operator==(const PhysRange&) const = default;

 private:
  constexpr PhysRange(PhysAddr start, PhysAddr end) : start_(start), end_(end) {}

  PhysAddr start_;
  PhysAddr end_;
};

}  // namespace holdfast
