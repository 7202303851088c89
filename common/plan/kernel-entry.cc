// SPDX-License-Identifier: BSD-2-Clause
// Which entry of the kernel is taken.

#include "common/plan/kernel-entry.h"

namespace holdfast {
namespace {

constexpr std::string_view kNoVmlinux = "vmlinux entry";
constexpr std::string_view kNoBzImage = "bzimage entry";
constexpr std::string_view kOnly4Levels = "kernel without 5-level paging";

// The stage never leaves 5-level paging.  A decompressor that knows it may, for a kernel that does not.
bool RunsVmlinux(const EntryFacts& entry) { return !entry.is_5_levels || entry.runs_5_levels; }

KernelEntry Resolve(const EntryFacts& entry) {
  if (entry.wanted != KernelEntry::kAuto) {
    return entry.wanted;
  }
  const bool takes_vmlinux = entry.has_vmlinux && (RunsVmlinux(entry) || !entry.has_bzimage);
  return takes_vmlinux ? KernelEntry::kVmlinux : KernelEntry::kBzImage;
}

// What stands in the way of this entry; empty when nothing does.
std::string_view ObstacleTo(KernelEntry chosen, const EntryFacts& entry, const EfiFacts& efi, bool keeps) {
  if (entry.is_confidential) {
    return "confidential guest";
  }
  if (entry.is_5_levels && !entry.supports_5_levels) {
    return kOnly4Levels;
  }
  if (chosen == KernelEntry::kVmlinux) {
    if (!entry.has_vmlinux) {
      return kNoVmlinux;
    }
    return RunsVmlinux(entry) ? std::string_view() : kOnly4Levels;
  }
  if (!entry.has_bzimage) {
    return kNoBzImage;
  }
  const bool sees_efi_map = efi.has_info && !MustDropEfi(efi);
  return keeps && sees_efi_map && efi.has_free_memory ? "bzimage entry under an EFI memory map with free memory"
                                                      : std::string_view();
}

}  // namespace

std::string_view KernelEntryName(KernelEntry entry) {
  switch (entry) {
    case KernelEntry::kAuto:
      return "auto";
    case KernelEntry::kVmlinux:
      return "vmlinux";
    case KernelEntry::kBzImage:
      return "bzimage";
    case KernelEntry::kEfiImage:
      return "efi-image";
    case KernelEntry::kEfiHandover:
      return "efi-handover";
  }
  Bug();
}

EntryFacts EntryFactsOf(const SetupHeader& header) {
  const std::uint16_t flags = header.xloadflags.value();
  return {.supports_5_levels = (flags & kXlf5Level) != 0, .runs_5_levels = (flags & kXlf5LevelEnabled) != 0};
}

Result<KernelEntry> ChooseEntry(const EntryFacts& entry, const EfiFacts& efi, bool keeps, Problem& problem) {
  const KernelEntry chosen = Resolve(entry);
  const std::string_view obstacle = ObstacleTo(chosen, entry, efi, keeps);
  if (!obstacle.empty()) {
    problem = {.code = Errc::kUnsupported, .what = obstacle};
    return Error{problem.code, problem.where};
  }
  return chosen;
}

bool MustDropEfi(const EfiFacts& efi) {
  if (efi.has_node) {
    return !efi.has_info;
  }
  return efi.has_info && efi.is_virtual;
}

}  // namespace holdfast
