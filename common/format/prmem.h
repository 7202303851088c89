// SPDX-License-Identifier: BSD-2-Clause
// prmem: persistent memory regions, a series of patches of 2023 that no released kernel carries.
//
// Layouts: common/abi/prmem.h.  `prmem=SIZE[,MAX]` and `prmem_meta=0x...` on the command line name a metadata page. Its
// lists are linked by the sender's virtual addresses; which of the two direct maps they belong to is found by symmetry.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/abi/prmem.h"
#include "common/format/page-arena.h"
#include "common/mem/kept-block.h"
#include "common/mem/phys-memory.h"

namespace holdfast {

inline constexpr std::string_view kDialectPrmem = "prmem";
inline constexpr std::string_view kPrmemOption = "prmem";
inline constexpr std::string_view kPrmemMetadataOption = "prmem_meta";

struct PrmemOption {
  PhysAddr metadata;
  std::uint64_t size = 0;  // of prmem=, 0 without one
};
// The last of each, prmem_meta= of the one line and prmem= of the other.  nullopt without prmem_meta=, or where it says
// 0 (not initialised).  kMalformed (where: offset in its line): no number, not made of pages, past kPhysLimit.
Result<std::optional<PrmemOption>> FindPrmemOption(std::string_view metadata_line, std::string_view size_line);
inline Result<std::optional<PrmemOption>> FindPrmemOption(std::string_view line) { return FindPrmemOption(line, line); }

struct PrmemFacts {
  std::uint32_t metadata_size = 0;  // 184, 168 or 40: which variant the checksum fits
  std::uint64_t direct_map = 0;     // the sender's base of it
  std::uint64_t num_regions = 0;
  std::uint64_t num_instances = 0;
};

inline constexpr std::uint64_t kMaxPrmemInstances = 65536;

// Gives each region whole as kMemory, and then the metadata page as kStructure where no region holds it.
//
// Errors (where: a physical address): kBadDigest (of the page): no variant's checksum fits, as after the posted code
// finalised a second time; kMalformed: the metadata names another page (the field) or has another size than prmem=;
// more in use than the largest size (the current one); neither direct map fits the first region (the list's head); a
// list that leads out of the direct map or does not lead back (the links); a region that does not say where it is, has
// no bytes or more than are left (the region); fewer bytes of regions than are in use (the list's head); a name without
// an end (the instance); kMisaligned (of the page, or of a region): not made of pages; kTooLarge (where: how many):
// instances; kUnreadable; kOutOfBounds; the sink's.
Status DecodePrmem(const PrmemOption& option, const PhysMemory& memory, const BlockSink& sink, PrmemFacts& out);

// One instance, for the tool.  Its texts last as long as the call.
struct PrmemInstance {
  std::string_view subsystem{};
  std::string_view name{};
  PhysAddr data{};  // 0: not in the direct map
  std::uint64_t size = 0;
};
using PrmemInstanceSink = Sink<PrmemInstance>;
// Errors: those of DecodePrmem().
Status ListPrmemInstances(const PrmemOption& option, const PhysMemory& memory, const PrmemInstanceSink& sink);

// --- The other way round, for tests and the tool ------------------------------------------------------------------

struct PrmemImage {
  std::uint32_t metadata_size = 184;
  std::uint64_t direct_map = kDirectMap4Level;
  std::span<const PhysRange> regions{};
  std::span<const PrmemInstance> instances{};  // each gets a page of the arena
};
// `at` gives the bytes of the first page of a region.
class RegionHeads {
 public:
  using AtFn = std::byte* (*)(void* context, PhysRange region);
  constexpr RegionHeads(AtFn at, void* context) : at_(at), context_(context) {}
  std::byte* At(PhysRange region) const { return at_(context_, region); }

 private:
  AtFn at_;
  void* context_;
};
// The metadata page is the arena's next.  kUnsupported (where: the metadata's size): no variant has it, or the variant
// has no instances; kTooLarge (where: what is allowed) of a name; kTableFull.
Result<PrmemOption> EncodePrmem(const PrmemImage& image, const RegionHeads& heads, PageArena& arena);

}  // namespace holdfast
