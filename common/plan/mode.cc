// SPDX-License-Identifier: BSD-2-Clause
// Native or fence.

#include "common/plan/mode.h"

#include "common/plan/kernel-options.h"

namespace holdfast {
namespace {

Problem Unsupported(std::string_view what, std::string_view other = {}) {
  return {.code = Errc::kUnsupported, .what = what, .other = other};
}

// Does some other handover keep what is to stay RAM?
bool IsContested(const PreservedMap& kept, const NativeHandover& native) {
  if (kept.IsShared(native.source)) {
    return true;
  }
  for (const PhysRange& scratch : native.scratch) {
    for (std::size_t i = kept.FirstEndingAfter(scratch.start()); i < kept.size(); ++i) {
      const KeptRange& each = kept.view()[i];
      if (each.range.start() >= scratch.end()) {
        break;
      }
      if (each.source != native.source) {
        return true;
      }
    }
  }
  return false;
}

// Of what the native handover keeps, the first that the map does not call RAM: a kernel would not take it over, but may
// give it to a driver.
std::optional<MemoryMap::Gap> FirstKeptNotRam(const BootInputs& in, std::uint8_t source) {
  for (const KeptRange& kept : in.handover.kept.view()) {
    if (kept.source != source) {
      continue;
    }
    if (const auto gap = in.memory.FirstNot(kept.range, IsRam)) {
      return gap;
    }
  }
  return std::nullopt;
}

// What does not depend on the kernel itself.
std::optional<Problem> ObstacleBeforeKernel(const BootInputs& in, KernelEntry entry) {
  if (!in.handover.native) {
    return Unsupported("native mode without a KHO handover");
  }
  const NativeHandover& native = *in.handover.native;
  if (entry == KernelEntry::kBzImage) {
    return Unsupported("native mode through the bzimage entry", native.compatible);
  }
  if (IsContested(in.handover.kept, native)) {
    return Unsupported("native mode beside another handover of the same memory", native.compatible);
  }
  if (native.is_ambiguous && WishOf(in.mode, in.handover) != ModeWish::kNative) {
    return Unsupported("native mode nobody asked for", native.compatible);
  }
  if (const auto gap = FirstKeptNotRam(in, native.source)) {
    return Problem{.code = Errc::kNotRam,
                   .where = gap->range.start().raw(),
                   .what = native.compatible,
                   .range = gap->range,
                   .type = gap->type};
  }
  return ConflictWithNative(in.command_line, in.handover.kept, native);
}

// Of `range`, the first part that is RAM and not in `scratch`, which is sorted.
std::optional<PhysRange> FirstRamOutside(const MemoryMap& memory, std::span<const PhysRange> scratch, PhysRange range) {
  for (std::size_t i = memory.FirstEndingAfter(range.start()); i < memory.size(); ++i) {
    const MemEntry& entry = memory.view()[i];
    PhysRange rest = range.Intersection(entry.range);
    if (entry.range.start() >= range.end()) {
      break;
    }
    if (!IsRam(entry.type)) {
      continue;
    }
    for (const PhysRange& area : scratch) {
      if (area.end() <= rest.start()) {
        continue;
      }
      if (!rest.UpTo(area.start()).empty()) {
        return rest.UpTo(area.start());
      }
      rest = rest.From(area.end());
    }
    if (!rest.empty()) {
      return rest;
    }
  }
  return std::nullopt;
}

}  // namespace

ModeWish WishOf(ModeWish caller, const Handover& handover) {
  return caller != ModeWish::kAuto ? caller : handover.policy.mode;
}

std::optional<Problem> ObstacleToNative(const BootInputs& in, KernelEntry entry) {
  if (const auto obstacle = ObstacleBeforeKernel(in, entry)) {
    return obstacle;
  }
  const std::string_view compatible = in.handover.native->compatible;
  if (in.speaks_native != true) {
    return Unsupported("kernel", compatible);
  }
  // Last: it is chosen for want of a reason to pass setup_data.
  return entry == KernelEntry::kEfiImage
             ? std::optional(Unsupported("native mode through the efi-image entry", compatible))
             : std::nullopt;
}

bool MayBecomeNative(const BootInputs& in, KernelEntry entry) {
  return entry != KernelEntry::kEfiImage && in.kernel.size == 0 && !in.speaks_native &&
         WishOf(in.mode, in.handover) != ModeWish::kFence && !ObstacleBeforeKernel(in, entry);
}

std::optional<Problem> FirstOutsideScratch(const BootInputs& in) {
  for (const SegmentRequest& segment : in.segments) {
    if (!segment.at || segment.is_temporary) {
      continue;
    }
    if (const auto part = FirstRamOutside(in.memory, in.handover.native->scratch, *segment.at)) {
      return Problem{
          .code = Errc::kOutsideScratch, .where = part->start().raw(), .what = segment.name, .range = *segment.at};
    }
  }
  return std::nullopt;
}

}  // namespace holdfast
