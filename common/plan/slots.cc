// SPDX-License-Identifier: BSD-2-Clause
// Where a kernel may go.

#include "common/plan/slots.h"

#include <algorithm>

#include "common/base/align.h"

namespace holdfast {
namespace {

PhysRange RangeOf(PhysRange range) { return range; }
PhysRange RangeOf(const KeptRange& kept) { return kept.range; }

// Calls visit(part) for each part of `whole` that none of `taken`, which is sorted, stands on, rounded out to pages.
// False as soon as visit() says so.
template <typename T, typename Visit>
bool ForEachBeside(PhysRange whole, std::span<const T> taken, Visit visit) {
  PhysRange rest = whole;
  auto next =
      std::partition_point(taken.begin(), taken.end(), [rest](const T& t) { return RangeOf(t).end() <= rest.start(); });
  // Of two ranges in one page the second may lie before what is left of `rest`.
  for (; next != taken.end() && RangeOf(*next).start() < rest.end(); ++next) {
    const PhysRange hit = RangeOf(*next).RoundedOut(kPageSize).Intersection(rest);
    if (!rest.UpTo(hit.start()).empty() && !visit(rest.UpTo(hit.start()))) {
      return false;
    }
    rest = rest.From(hit.end());
  }
  return rest.empty() || visit(rest);
}

// Calls visit(part) for the whole pages of `whole` in each of `parts`, which are sorted; for all of it without any.
template <typename Visit>
bool ForEachWithin(PhysRange whole, std::optional<std::span<const PhysRange>> parts, Visit visit) {
  if (!parts) {
    return visit(whole);
  }
  for (const PhysRange& part : *parts) {
    const PhysRange hit = whole.Intersection(part).RoundedIn(kPageSize);
    if (!hit.empty() && !visit(hit)) {
      return false;
    }
  }
  return true;
}

// Calls visit(free) for each stretch of whole pages of the space in `window`, in ascending order, until it returns
// false.
template <typename Visit>
void ForEachFree(const FreeSpace& space, PhysRange window, Visit visit) {
  const std::span<const KeptRange> kept = space.off != nullptr ? space.off->view() : std::span<const KeptRange>();
  for (const MemEntry& entry : space.map.view()) {
    const PhysRange pages = entry.range.Intersection(window).RoundedIn(kPageSize);
    if (entry.type != MemType::kUsable || pages.empty()) {
      continue;
    }
    const bool goes_on = ForEachWithin(pages, space.within, [&](PhysRange part) {
      return ForEachBeside(part, space.outside, [&](PhysRange out) {
        return ForEachBeside(out, space.avoid.view(),
                             [&](PhysRange beside) { return ForEachBeside(beside, kept, visit); });
      });
    });
    if (!goes_on) {
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
void ForEachArea(const FreeSpace& space, const KernelFacts& kernel, Visit visit) {
  ForEachFree(space, WindowOf(kernel.min_address, kernel.limit), [&](PhysRange free) {
    const Area area = AreaOf(free, kernel);
    return area.count == 0 || visit(area);
  });
}

PhysRange RangeAt(std::uint64_t start, std::uint64_t size) {
  return PhysRange::FromStartSize(PhysAddr(start), size).value();  // Inside a range, so it cannot fail.
}

}  // namespace

std::uint64_t CountSlots(const FreeSpace& space, const KernelFacts& kernel) {
  std::uint64_t count = 0;
  ForEachArea(space, kernel, [&](const Area& area) {
    count += area.count;
    return true;
  });
  return count;
}

PhysRange SlotAt(const FreeSpace& space, const KernelFacts& kernel, std::uint64_t index) {
  std::optional<PhysRange> found;
  ForEachArea(space, kernel, [&](const Area& area) {
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

std::optional<std::uint64_t> SlotIndexOf(const FreeSpace& space, const KernelFacts& kernel, PhysAddr start) {
  std::optional<std::uint64_t> found;
  std::uint64_t before = 0;
  ForEachArea(space, kernel, [&](const Area& area) {
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

std::optional<PhysRange> HighestPlace(const FreeSpace& space, const PlaceRequest& request) {
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
  ForEachFree(space, WindowOf(0, request.limit), [&](PhysRange free) {
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
