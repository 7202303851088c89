// SPDX-License-Identifier: BSD-2-Clause
// Which entry of the kernel is taken.

#include "common/plan/kernel-entry.h"

namespace holdfast {
namespace {

constexpr std::string_view kNoVmlinux = "vmlinux entry";
constexpr std::string_view kNoBzImage = "bzimage entry";
constexpr std::string_view kOnly4Levels = "kernel without 5-level paging";
constexpr std::string_view kNoEfiHandover = "setup_data without the EFI handover entry";

// The stage never leaves 5-level paging.  A decompressor that knows it may, for a kernel that does not.
bool RunsVmlinux(const EntryFacts& entry) { return !entry.is_5_levels || entry.runs_5_levels; }

Problem Unsupported(std::string_view what) { return {.code = Errc::kUnsupported, .what = what}; }

// Without firmware: by the stage's own jump.
KernelEntry ResolveDirect(const EntryFacts& entry) {
  const bool takes_vmlinux = entry.has_vmlinux && (RunsVmlinux(entry) || !entry.has_bzimage);
  return takes_vmlinux ? KernelEntry::kVmlinux : KernelEntry::kBzImage;
}

KernelEntry ResolveInFirmware(const EntryFacts& entry, SetupDataNeed setup_data) {
  const bool may_jump = !entry.is_secure && (entry.has_vmlinux || entry.has_bzimage);
  if (!entry.has_efi_image) {
    return may_jump ? ResolveDirect(entry) : KernelEntry::kEfiImage;
  }
  if (setup_data == SetupDataNeed::kNone) {
    return KernelEntry::kEfiImage;
  }
  if (entry.has_efi_handover) {
    return KernelEntry::kEfiHandover;
  }
  if (setup_data == SetupDataNeed::kNeeded) {
    return may_jump ? ResolveDirect(entry) : KernelEntry::kEfiHandover;
  }
  // Native mode does not go through bzimage.
  return may_jump && entry.has_vmlinux && RunsVmlinux(entry) ? KernelEntry::kVmlinux : KernelEntry::kEfiImage;
}

KernelEntry Resolve(const EntryFacts& entry, SetupDataNeed setup_data) {
  if (entry.wanted != KernelEntry::kAuto) {
    return entry.wanted;
  }
  return entry.in_firmware ? ResolveInFirmware(entry, setup_data) : ResolveDirect(entry);
}

std::optional<Problem> ObstacleToEfi(KernelEntry chosen, const EntryFacts& entry, SetupDataNeed setup_data) {
  if (!entry.in_firmware) {
    return Unsupported("EFI entry outside firmware");
  }
  if (!entry.has_efi_image) {
    return Unsupported("kernel without an EFI stub");
  }
  if (chosen == KernelEntry::kEfiHandover) {
    if (entry.has_efi_handover) {
      return std::nullopt;
    }
    return Unsupported(setup_data == SetupDataNeed::kNone ? "EFI handover entry" : kNoEfiHandover);
  }
  return setup_data == SetupDataNeed::kNeeded ? std::optional(Unsupported(kNoEfiHandover)) : std::nullopt;
}

std::optional<Problem> ObstacleToVmlinux(const EntryFacts& entry) {
  if (!entry.has_vmlinux) {
    return Unsupported(kNoVmlinux);
  }
  return RunsVmlinux(entry) ? std::nullopt : std::optional(Unsupported(kOnly4Levels));
}

std::optional<Problem> ObstacleToBzImage(const EntryFacts& entry, const EfiFacts& efi, bool keeps) {
  if (!entry.has_bzimage) {
    return Unsupported(kNoBzImage);
  }
  const bool sees_efi_map = efi.has_info && !MustDropEfi(efi);
  if (!entry.in_firmware && keeps && sees_efi_map && efi.has_free_memory) {
    return Unsupported("bzimage entry under an EFI memory map with free memory");
  }
  return std::nullopt;
}

// What stands in the way of this entry.
std::optional<Problem> ObstacleTo(KernelEntry chosen, const EntryFacts& entry, const EfiFacts& efi,
                                  const EntryNeeds& needs) {
  if (entry.is_confidential) {
    return Unsupported("confidential guest");
  }
  if (entry.is_5_levels && !entry.supports_5_levels) {
    return Unsupported(kOnly4Levels);
  }
  if (IsEfiEntry(chosen)) {
    return ObstacleToEfi(chosen, entry, needs.setup_data);
  }
  const bool is_vmlinux = chosen == KernelEntry::kVmlinux;
  if (entry.is_secure) {
    return Problem{.code = Errc::kUntrusted, .what = is_vmlinux ? kNoVmlinux : kNoBzImage};
  }
  return is_vmlinux ? ObstacleToVmlinux(entry) : ObstacleToBzImage(entry, efi, needs.keeps);
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
  return {.supports_5_levels = (flags & kXlf5Level) != 0,
          .runs_5_levels = (flags & kXlf5LevelEnabled) != 0,
          .has_efi_handover = (flags & kXlfEfiHandover64) != 0 && header.handover_offset.value() != 0};
}

Result<KernelEntry> ChooseEntry(const EntryFacts& entry, const EfiFacts& efi, const EntryNeeds& needs,
                                Problem& problem) {
  const KernelEntry chosen = Resolve(entry, needs.setup_data);
  if (const auto obstacle = ObstacleTo(chosen, entry, efi, needs)) {
    problem = *obstacle;
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
