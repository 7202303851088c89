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
inline constexpr std::string_view kPkramOption = "pkram";

// pkram=PFN, hexadecimal with or without 0x, the last one: the super block's address.  nullopt without the option, or
// where it says 0.  kMalformed (where: offset in the line) for one that does not read, or is past kPhysLimit.
Result<std::optional<PhysAddr>> FindPkramOption(std::string_view line);

inline constexpr std::uint64_t kMaxPkramStructures = std::uint64_t{1} << 21;  // pages of one description

struct PkramSuperBlock {
  PhysAddr at;
  PkramForm form = PkramForm::kRegionList;
  PhysAddr first_node;            // 0: nothing was saved
  PhysAddr root;                  // of the table, or the first page of the list; 0: nothing is preserved
  std::uint64_t num_regions = 0;  // of the list
};
// kMisaligned, kOutOfBounds, kUnreadable (where: the address); kMalformed (where: the physical address of the first
// byte that may not be there): no super block of any series.
Result<PkramSuperBlock> ReadPkramSuperBlock(PhysAddr at, const PhysMemory& memory);

struct PkramFacts {
  PkramForm form = PkramForm::kRegionList;
  PhysAddr first_node;               // 0: nothing was saved
  std::uint64_t num_structures = 0;  // pages of the description: super block, and tables and bitmaps or list
};

// `levels`: how deep the sender's page tables were, 4 or 5, which the page-table form does not record; 0: not known.
// Gives the preserved runs as kMemory, ascending, and as kStructure the super block, the root of the table, and the
// list's pages, whether or not a run holds them; what is below the root, a run must hold.
//
// Errors (where: a physical address if not said otherwise): kUnsupported (where: `levels`): the page-table form with
// `levels` neither 4 nor 5; kMalformed: what ReadPkramSuperBlock() refuses; nodes without a root (the root's field); a
// page below the root that the table does not mark (the page); regions that descend or overlap (the list's entry);
// fewer regions than were counted (the count); kMisaligned: an entry of the table (what it points at), a region (the
// list's entry); kCycle: a page that leads to itself or to the super block; kTooLarge (where: bytes): more than
// kMaxPkramStructures; kUnreadable; kOutOfBounds; the sink's.
Status DecodePkram(PhysAddr super_block, int levels, const PhysMemory& memory, const BlockSink& sink, PkramFacts& out);

// --- The other way round, for tests and the tool ------------------------------------------------------------------

struct PkramImage {
  PkramForm form = PkramForm::kRegionList;
  int levels = 4;                       // of the page-table form
  std::span<const KeptBlock> blocks{};  // ascending, each with its order; the arena's own pages are added
  std::span<const std::byte> data{};    // the object's byte stream; a page of it at most in the page-table form
  std::string_view node_name = "holdfast-test";
};
// The super block's address.  One node with one object holds the blocks as its pages.  The objects of the page-table
// form are those that were posted.
// kMalformed (where: index of the block): no order, not of its order, or not ascending; kTooLarge (where: what is
// allowed) of the name or the data; kTableFull; kOutOfBounds.
Result<PhysAddr> EncodePkram(const PkramImage& image, PageArena& arena);

}  // namespace holdfast
