// SPDX-License-Identifier: BSD-2-Clause
// Which entry of the kernel is taken.

#pragma once

#include "common/mem/problem.h"
#include "common/plan/boot-plan.h"

namespace holdfast {

std::string_view KernelEntryName(KernelEntry entry);  // "auto", "vmlinux", "bzimage", "efi-image", "efi-handover"

// What a kernel's setup header says of its entries.  Which of them are at hand, and what firmware and the processor are
// like, is for the shell to say.
EntryFacts EntryFactsOf(const SetupHeader& header);

// Through firmware, which gives the kernel a place and a memory map of its own.
constexpr bool IsEfiEntry(KernelEntry entry) {
  return entry == KernelEntry::kEfiImage || entry == KernelEntry::kEfiHandover;
}

// What the entry must do for the handover.
enum class SetupDataNeed : std::uint8_t {
  kNone,
  kWanted,  // native mode would need it; a fence does as well
  kNeeded,  // held ranges do, or native mode that is wanted
};
struct EntryNeeds {
  bool keeps = false;  // there is kept memory
  SetupDataNeed setup_data = SetupDataNeed::kNone;
};

// After a kexec kAuto takes vmlinux where it is at hand and understood, else bzimage.  vmlinux keeps the kernel where
// the stage put it; bzimage lets the kernel's own decompressor look for a place once more, which is safe only where it
// looks at the fenced e820 table: an EFI memory map with free memory is refused where something is kept, unless it is
// dropped.  Under 5-level paging kAuto takes bzimage for a kernel that knows only 4, if its decompressor knows 5: it
// goes back to 4, which the stage never does.
//
// In firmware kAuto takes efi-image, and efi-handover where setup_data has to be passed; the other two only for a
// kernel that lacks these, and never under Secure Boot, since firmware verifies what it loads itself and nothing else.
// Kept memory is allocated there, so that free memory in the EFI memory map is in nobody's way.
//
// Errors, with `problem` filled (where: 0).  kUntrusted: Secure Boot does not let the stage enter a kernel by itself
// (what: "vmlinux entry", "bzimage entry").  All others are kUnsupported: a confidential guest (what: "confidential
// guest"); 5-level paging is on and what is entered knows only 4 (what: "kernel without 5-level paging"); the entry
// that is wanted, or any, is not at hand (what: "vmlinux entry"; "bzimage entry", also for any; "EFI handover entry");
// free memory in the EFI memory map (what: "bzimage entry under an EFI memory map with free memory"); firmware does not
// start this kernel ("kernel without an EFI stub"), or is not there any more ("EFI entry outside firmware"); setup_data
// is needed, and goes through no entry that is at hand ("setup_data without the EFI handover entry").
Result<KernelEntry> ChooseEntry(const EntryFacts& entry, const EfiFacts& efi, const EntryNeeds& needs,
                                Problem& problem);

// True when efi_info and the SETUP_EFI node must not be passed on, because only one of the two that belong together
// is there: a node without efi_info, or a memory map that is virtual already without the node that tells the kernel so.
bool MustDropEfi(const EfiFacts& efi);

}  // namespace holdfast
