// SPDX-License-Identifier: BSD-2-Clause
// pmpool: a pool of pages at a fixed place, two series of patches of 2023 that no released kernel carries.
//
// Layouts: common/abi/pmpool.h.  Both name the pool by `pmpool=BASE,SIZE` on the command line.  The second series hands
// its bitmap on in a device tree (SETUP_DTB), the third marks the pool in the e820 table by type 128 and has the bitmap
// at its base.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/format/fdt.h"
#include "common/mem/kept-block.h"
#include "common/mem/memory-map.h"
#include "common/mem/phys-memory.h"

namespace holdfast {

inline constexpr std::string_view kDialectPmpool = "pmpool";
inline constexpr std::string_view kPmpoolOption = "pmpool";

// pmpool=BASE,SIZE, the last one; kMalformed (where: offset in the line) for one that does not read, is empty, not made
// of pages, or past kPhysLimit.
Result<std::optional<PhysRange>> FindPmpoolOption(std::string_view line);

struct Pmpool {
  PhysRange pool;
  PhysRange bitmap;  // in the pool; whole words

  constexpr bool operator==(const Pmpool&) const = default;
};
// /chosen/default_pmpool of a tree; nullopt: the tree has none.  kMalformed, kMisaligned, kOutOfBounds (where: byte
// offset in the tree).
Result<std::optional<Pmpool>> DecodePmpoolNode(const FdtView& tree);
// The pool that the option names, if the map marks all of it by type 128; nullopt otherwise.
std::optional<Pmpool> FindMarkedPmpool(PhysRange option, const MemoryMap& map);

// Gives pages in use as kMemory, and all others of the pool as kUncertain: the next kernel that knows the pool wants
// it whole, and the posted code forgets to mark pages.  The bitmap's own pages count as in use; bits behind the pool's
// last are not looked at.  Blocks ascend.
// kMalformed: a pool not made of pages, a bitmap that is not the pool's; kUnreadable
// (where, for all: a physical address); the sink's.
Status DecodePmpool(const Pmpool& pool, const PhysMemory& memory, const BlockSink& sink);

// The same checks, and all of the pool as one kMemory block: whoever protects it need not tell its pages apart, of
// which any pool that was used for long has more runs than a table has room for.
Status DecodePmpoolWhole(const Pmpool& pool, const PhysMemory& memory, const BlockSink& sink);

// --- The other way round, for tests and the tool ------------------------------------------------------------------

// Writes the bitmap of a pool, whose bytes are all of `bytes`: the blocks, and the bitmap's own pages.
// kMalformed (where: index of the block): one does not lie in the pool.  Pre: the bitmap does.
Status EncodePmpoolBitmap(const Pmpool& pool, std::span<const KeptBlock> blocks, std::span<std::byte> bytes);
// The tree that the second series passes on.
Result<std::span<const std::byte>> EncodePmpoolNode(const Pmpool& pool, std::span<std::byte> storage);

}  // namespace holdfast
