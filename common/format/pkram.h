// SPDX-License-Identifier: BSD-2-Clause
// PKRAM: preserved-over-kexec memory, three series of patches that no released kernel carries.
//
// Layouts: common/abi/pkram.h.  `pkram=PFN` on the command line names the super block.  The series of 2020 preserves
// what a page table of physical addresses says, those of 2021 and 2023 what a list of regions says.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/format/page-arena.h"
#include "common/mem/kept-block.h"
#include "common/mem/phys-memory.h"

namespace holdfast {

enum class PkramForm : std::uint8_t { kPageTable, kRegionList };
inline constexpr std::string_view kDialectPkramPageTable = "pkram-pgt";
inline constexpr std::string_view kDialectPkramRegions = "pkram-regions";

// pkram=PFN, hexadecimal with or without 0x: the super block's address.  kMalformed (where: offset in the line) for one
// that does not read, is 0 or past kPhysLimit; nullopt without the option.
Result<std::optional<PhysAddr>> FindPkramOption(std::string_view line);

struct PkramFacts {
  PkramForm form = PkramForm::kRegionList;
  PhysAddr first_node;  // 0: nothing was saved
  std::uint64_t num_structures = 0;
};

// `levels`: how deep the sender's page tables were, 4 or 5, which the page-table form does not record; 0: not known.
// Gives the preserved runs as kMemory, and super block, root and (region-list form) list pages as kStructure where no
// preserved run holds them.
//
// Errors (where: a physical address): kUnsupported: the page-table form with `levels` 0; kMalformed: what the
// specification's Validator lines refuse; kMisaligned; kCycle; kTooLarge; kUnreadable; kOutOfBounds; the sink's.
Status DecodePkram(PhysAddr super_block, int levels, const PhysMemory& memory, const BlockSink& sink, PkramFacts& out);

// --- The other way round, for tests and the tool ------------------------------------------------------------------

struct PkramImage {
  PkramForm form = PkramForm::kRegionList;
  int levels = 4;                     // of the page-table form
  std::span<const KeptBlock> blocks;  // ascending, each with its order; the arena's own pages are added
  std::string_view node_name = "holdfast-test";
};
// The super block's address.  One node with one object holds the blocks as its pages.
Result<PhysAddr> EncodePkram(const PkramImage& image, PageArena& arena);

}  // namespace holdfast
