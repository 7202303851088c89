// SPDX-License-Identifier: BSD-2-Clause
// Where a kernel may go.

#include "common/plan/slots.h"

#include <algorithm>

#include "common/base/align.h"

namespace holdfast {
namespace {

// Calls visit(free) for each stretch of whole pages of RAM in `window` and outside `avoid`, in ascending order,
// until it returns false.
template <typename Visit>
void ForEachFree(const MemoryMap& map, const RangeSet& avoid, PhysRange window, Visit visit) {
  const auto taken = avoid.view();
  for (const MemEntry& entry : map.view()) {
    if (entry.type != MemType::kUsable) {
      continue;
    }
    PhysRange rest = entry.range.Intersection(window).RoundedIn(kPageSize);
    auto next = std::partition_point(taken.begin(), taken.end(),
                                     [rest](const PhysRange& t) { return t.end() <= rest.start(); });
    // Of two ranges in one page the second may lie before what is left of `rest`.
    for (; next != taken.end() && next->start() < rest.end(); ++next) {
      const PhysRange hit = next->RoundedOut(kPageSize).Intersection(rest);
      if (!rest.UpTo(hit.start()).empty() && !visit(rest.UpTo(hit.start()))) {
        return;
      }
      rest = rest.From(hit.end());
    }
    if (!rest.empty() && !visit(rest)) {
      return;
    }
  }
}

PhysRange WindowOf(std::uint64_t start, std::uint64_t limit) {
  return PhysRange::All().From(PhysAddr(std::max(start, kMiB))).UpTo(PhysAddr(limit));
}

// A slot area: `count` slots, `alignment` apart, from `first` on.
struct Area {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

Area AreaOf(PhysRange free, const KernelFacts& kernel) {
  const std::uint64_t first = AlignUp(free.start().raw(), kernel.alignment);
  const std::uint64_t end = free.end().raw();
  if (first >= end || kernel.size > end - first) {
    return {};
  }
  return {first, (end - first - kernel.size) / kernel.alignment + 1};
}

template <typename Visit>
void ForEachArea(const MemoryMap& map, const RangeSet& avoid, const KernelFacts& kernel, Visit visit) {
  ForEachFree(map, avoid, WindowOf(kernel.min_address, kernel.limit), [&](PhysRange free) {
    const Area area = AreaOf(free, kernel);
    return area.count == 0 || visit(area);
  });
}

PhysRange RangeAt(std::uint64_t start, std::uint64_t size) {
  return PhysRange::FromStartSize(PhysAddr(start), size).value();  // Inside a range, so it cannot fail.
}

}  // namespace

std::uint64_t CountSlots(const MemoryMap& map, const RangeSet& avoid, const KernelFacts& kernel) {
  std::uint64_t count = 0;
  ForEachArea(map, avoid, kernel, [&](const Area& area) {
    count += area.count;
    return true;
  });
  return count;
}

PhysRange SlotAt(const MemoryMap& map, const RangeSet& avoid, const KernelFacts& kernel, std::uint64_t index) {
  std::optional<PhysRange> found;
  ForEachArea(map, avoid, kernel, [&](const Area& area) {
    if (index < area.count) {
      found = RangeAt(area.first + index * kernel.alignment, kernel.size);
      return false;
    }
    index -= area.count;
    return true;
  });
  Require(found.has_value());
  return *found;
}

std::optional<std::uint64_t> SlotIndexOf(const MemoryMap& map, const RangeSet& avoid, const KernelFacts& kernel,
                                         PhysAddr start) {
  std::optional<std::uint64_t> found;
  std::uint64_t before = 0;
  ForEachArea(map, avoid, kernel, [&](const Area& area) {
    const std::uint64_t last = area.first + (area.count - 1) * kernel.alignment;
    if (area.first <= start.raw() && start.raw() <= last && IsAligned(start.raw(), kernel.alignment)) {
      found = before + (start.raw() - area.first) / kernel.alignment;
      return false;
    }
    before += area.count;
    return true;
  });
  return found;
}

std::uint64_t PickIndex(std::uint64_t seed, std::uint64_t count) {
  Require(count != 0);
  // seed / 2^64 * count, rounded down.
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(seed) * count) >> 64);
}

std::optional<PhysRange> HighestPlace(const MemoryMap& map, const RangeSet& avoid, const PlaceRequest& request) {
  std::optional<PhysRange> found;
  const auto try_in = [&](PhysRange free) {
    if (request.size > free.size()) {
      return;
    }
    const std::uint64_t start = AlignDown(free.end().raw() - request.size, request.alignment);
    if (start >= free.start().raw()) {
      found = RangeAt(start, request.size);
    }
  };
  const PhysRange hole = request.also_avoid.RoundedOut(kPageSize);
  ForEachFree(map, avoid, WindowOf(0, request.limit), [&](PhysRange free) {
    if (free.Overlaps(hole)) {
      try_in(free.UpTo(hole.start()));
      try_in(free.From(hole.end()));
    } else {
      try_in(free);
    }
    return true;
  });
  return found;
}

}  // namespace holdfast
