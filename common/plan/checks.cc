// SPDX-License-Identifier: BSD-2-Clause
// Is the handover believable, and does anything stand on what it keeps?

#include "common/plan/checks.h"

#include "common/plan/fence-map.h"

namespace holdfast {
namespace {

// Types that a fence leaves behind, as loaders of later kernels hand them on.
bool MayBeFenced(MemType type) { return IsFenceType(type) || type == MemType::kSoftReserved; }

// The first part of `range` that is not RAM by the map, nor fenced RAM by the handover's record.
std::optional<MemoryMap::Gap> FirstNotRam(const MemoryMap& memory, const RangeSet& was_ram, PhysRange range) {
  for (PhysRange rest = range;;) {
    const auto gap = memory.FirstNot(rest, IsRam);
    if (!gap) {
      return std::nullopt;
    }
    if (!gap->type || !MayBeFenced(*gap->type)) {
      return gap;
    }
    if (const auto never_ram = was_ram.FirstMissing(gap->range)) {
      return MemoryMap::Gap{*never_ram, gap->type};
    }
    rest = rest.From(gap->range.end());
  }
}

void NoteMeeting(std::string_view name, PhysRange range, const KeptRange& kept, Problems& problems) {
  NoteProblem(problems, {.code = Errc::kOverlap,
                         .where = range.Intersection(kept.range).start().raw(),
                         .what = name,
                         .range = range,
                         .other_range = kept.range,
                         .kept = kept});
}

void CheckNotKept(const PreservedMap& kept, std::string_view name, PhysRange range, Problems& problems) {
  if (const auto hit = kept.FirstOverlap(range)) {
    NoteMeeting(name, range, *hit, problems);
  }
}

void CheckIsRam(const MemoryMap& memory, std::string_view name, PhysRange range, Problems& problems) {
  if (const auto gap = memory.FirstNot(range, IsRam)) {
    NoteProblem(
        problems,
        {.code = Errc::kNotRam, .where = gap->range.start().raw(), .what = name, .range = range, .type = gap->type});
  }
}

// The first range of a native handover in its own scratch that is no structure.
void CheckNativeArea(const PreservedMap& kept, std::uint8_t source, PhysRange area, Problems& problems) {
  for (std::size_t i = kept.FirstEndingAfter(area.start()); i < kept.size(); ++i) {
    const KeptRange& each = kept.view()[i];
    if (each.range.start() >= area.end()) {
      return;
    }
    if (each.source == source && each.kind != KeptKind::kStructure) {
      NoteMeeting("scratch", area, each, problems);
      return;
    }
  }
}

void CheckOneSegment(const MemoryMap& memory, const PreservedMap& kept, const SegmentRequest& segment,
                     Problems& problems) {
  const PhysRange range = *segment.at;
  CheckNotKept(kept, segment.name, range, problems);
  if (!segment.needs_ram) {
    return;
  }
  CheckIsRam(memory, segment.name, range, problems);
}

// Pre: segment.at.
void CheckApart(const SegmentRequest& segment, std::span<const SegmentRequest> others, Problems& problems) {
  for (const SegmentRequest& other : others) {
    if (other.at && other.at->Overlaps(*segment.at)) {
      NoteProblem(problems, {.code = Errc::kOverlap,
                             .where = other.at->Intersection(*segment.at).start().raw(),
                             .what = segment.name,
                             .range = *segment.at,
                             .other = other.name,
                             .other_range = *other.at});
    }
  }
}

}  // namespace

void NoteProblem(Problems& problems, const Problem& problem) {
  if (problems.size() < problems.capacity()) {
    Require(problems.Append(problem).ok());
  }
}

void CheckKeptIsRam(const MemoryMap& memory, const Handover& handover, Problems& problems) {
  for (const KeptRange& kept : handover.kept.view()) {
    if (const auto gap = FirstNotRam(memory, handover.ram, kept.range)) {
      NoteProblem(problems, {.code = Errc::kKeptNotRam,
                             .where = gap->range.start().raw(),
                             .range = kept.range,
                             .type = gap->type,
                             .kept = kept});
    }
  }
}

void CheckInUse(const PreservedMap& kept, std::span<const InUse> in_use, Problems& problems) {
  for (const InUse& use : in_use) {
    if (!use.may_be_kept) {
      CheckNotKept(kept, use.name, use.range, problems);
    }
  }
}

void CheckScratch(const MemoryMap& memory, const Handover& handover, Problems& problems) {
  for (const PhysRange& range : handover.scratch.view()) {
    CheckNotKept(handover.kept, "scratch", range, problems);
  }
  if (!handover.native) {
    return;
  }
  for (const PhysRange& area : handover.native->scratch) {
    CheckIsRam(memory, "scratch", area, problems);
    CheckNativeArea(handover.kept, handover.native->source, area, problems);
  }
}

void CheckSegments(const MemoryMap& memory, const PreservedMap& kept, std::span<const SegmentRequest> segments,
                   Problems& problems) {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const SegmentRequest& segment = segments[i];
    if (!segment.at) {
      continue;
    }
    CheckOneSegment(memory, kept, segment, problems);
    CheckApart(segment, segments.first(i), problems);
  }
}

void CheckKernelAt(const MemoryMap& memory, const PreservedMap& kept, PhysRange kernel_at,
                   std::span<const SegmentRequest> segments, Problems& problems) {
  const SegmentRequest kernel{.name = "kernel", .size = kernel_at.size(), .at = kernel_at};
  CheckOneSegment(memory, kept, kernel, problems);
  CheckApart(kernel, segments, problems);
}

}  // namespace holdfast
