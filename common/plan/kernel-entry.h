// SPDX-License-Identifier: BSD-2-Clause
// Which entry of the kernel is taken.

#pragma once

#include "common/mem/problem.h"
#include "common/plan/boot-plan.h"

namespace holdfast {

std::string_view KernelEntryName(KernelEntry entry);  // "auto", "vmlinux", "bzimage", "efi-image", "efi-handover"

// What a kernel's setup header says of its entries.  Which of them are at hand, and what the processor is like, is for
// the shell to say.
EntryFacts EntryFactsOf(const SetupHeader& header);

// kAuto takes vmlinux where it is at hand and understood, else bzimage.  vmlinux keeps the kernel where the stage put
// it; bzimage lets the kernel's own decompressor look for a place once more, which is safe only where it looks at the
// fenced e820 table: `keeps` says that there is kept memory, and an EFI memory map with free memory is then refused,
// unless it is dropped.  Under 5-level paging kAuto takes bzimage for a kernel that knows only 4, if its decompressor
// knows 5: it goes back to 4, which the stage never does.
// Errors, all kUnsupported, with `problem` filled (where: 0): a confidential guest (what: "confidential guest");
// 5-level paging is on and what is entered knows only 4 (what: "kernel without 5-level paging"); the entry that is
// wanted, or any, is not at hand (what: "vmlinux entry"; "bzimage entry", also for any); free memory in the EFI memory
// map (what: "bzimage entry under an EFI memory map with free memory").
Result<KernelEntry> ChooseEntry(const EntryFacts& entry, const EfiFacts& efi, bool keeps, Problem& problem);

// True when efi_info and the SETUP_EFI node must not be passed on, because only one of the two that belong together
// is there: a node without efi_info, or a memory map that is virtual already without the node that tells the kernel so.
bool MustDropEfi(const EfiFacts& efi);

}  // namespace holdfast
