// SPDX-License-Identifier: BSD-2-Clause
// What the next kernel's command line has to say about its place and about memory.

#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "common/plan/boot-plan.h"
#include "common/plan/checks.h"

namespace holdfast {

// `nokaslr` leaves the kernel where it is; `mem=` and `memmap=SIZE` take memory from it that it may then not stand in.
void HeedKernelOptions(std::string_view command_line, BootInputs& inputs);

// kConflict: an option that gives kept memory to the next kernel's allocators, or takes from it what its fence
// promised:
//   memmap=exactmap             throws the fenced map away
//   memmap=SIZE@START           makes RAM of kept memory; with #, $ and ! another type
//   memmap=SIZE%START-OLD+NEW   gives kept memory of type OLD another type, or takes it out of the map
//   crashkernel=SIZE@START      puts a crash kernel into kept memory; of several sizes the largest counts
//   mem=SIZE, memmap=SIZE       leaves a `held` range without struct page
// A region that says of kept memory what its fence says too is no conflict: memmap=SIZE$START on a `reserved` range,
// memmap=SIZE!START on a `pram` one.  Nothing is kept, nothing conflicts.
//
// Of a problem: what: the option, or the part of a list behind its first comma, as it stands in the line and at most
// kMaxConflictText of it; where: the byte offset of that text; range: the region that it names, if it does;
// other_range and kept: the first kept range that it would take.
inline constexpr std::size_t kMaxConflictText = 64;
void CheckKernelOptions(std::string_view command_line, const PreservedMap& kept, Problems& problems);

// The first kConflict with what is to stay RAM in native mode, in the same form: a region that makes what `native`
// keeps another type, a limit that leaves out some of that, or (then without `kept`; other_range: the area) some of its
// scratch.
std::optional<Problem> ConflictWithNative(std::string_view command_line, const PreservedMap& kept,
                                          const NativeHandover& native);

}  // namespace holdfast
