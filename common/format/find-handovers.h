// SPDX-License-Identifier: BSD-2-Clause
// Where the handovers are: what brings them, in the order in which it counts.
//
// The bundle; holdfast= on the command lines; setup_data nodes (KHO, and a device tree that may have a pmpool node);
// pkram=, pmpool= and prmem_meta= on the command lines.  What is found last cannot hide what was found first; but of
// these three, as Linux takes them, the last that stands on a line counts.

#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "common/base/bounded-vector.h"
#include "common/codec/sha256.h"
#include "common/format/command-line.h"
#include "common/format/fdt.h"
#include "common/format/kho.h"
#include "common/format/pmpool.h"
#include "common/format/prmem.h"
#include "common/format/setup-data-chain.h"
#include "common/mem/memory-map.h"
#include "common/mem/problem.h"

namespace holdfast {

enum class Carrier : std::uint8_t {
  kTree,        // a handover-v1 tree in memory: the bundle's, or that of holdfast=
  kKhoNode,     // setup_data of type 10
  kDeviceTree,  // setup_data of type 2, which is one only if it has a pmpool node
  kPkram,       // pkram=
  kPmpool,      // pmpool=, and all of the pool is marked in the e820 table
  kPrmem,       // prmem_meta=
};

struct FoundHandover {
  Carrier carrier = Carrier::kTree;
  PhysRange at;     // kTree: the tree; nodes: the payload; the others: the page, or the pool, that the option names
  Digest digest{};  // kTree
  KhoBitmaps bitmaps = KhoBitmaps::kUnknown;  // kKhoNode: what a command line says of them
  PrmemOption prmem{};                        // kPrmem
  // Nobody signed it, where everything else is signed: it can only reserve memory.  Its policy does not count, its
  // fences are kReserved, no kernel takes it by itself, and what it keeps cannot be lost by a digest of its own.
  bool is_outside = false;
  bool has_pool_option = false;  // kDeviceTree: a line has pmpool=, without which nobody takes a pool from a tree
  // Nothing of it is read: an earlier stage has fenced it, so that no kernel allocates there.  ReadHandovers() may set
  // it of a device tree too, and then makes a kPmpool of it that is the tree's pool.
  bool is_fenced = false;
  // Set by ReadHandovers().
  bool is_unfinished = false;     // kKhoNode: nothing was handed over (HandsNothingOver())
  std::optional<FdtView> tree{};  // kTree
  std::string_view dialect{};
};

inline constexpr std::size_t kMaxCommandLines = 2;  // the bundle's and the loader's
inline constexpr std::size_t kMaxDeviceTrees = 2;
// The bundle's tree, or from firmware a section's, a file's, a variable's and a table's.
inline constexpr std::size_t kMaxShellTrees = 4;
// The shell's trees, four trees a line, a KHO node, the device trees, three options.
inline constexpr std::size_t kMaxHandovers =
    kMaxShellTrees + kMaxCommandLines * kMaxHandoverOptions + 1 + kMaxDeviceTrees + 3;
using FoundHandovers = FixedVector<FoundHandover, kMaxHandovers>;

// A tree that the shell has found by itself.
struct TreePlace {
  HandoverOption option;
  bool is_outside = false;  // of FoundHandover
  bool is_listed = false;   // by firmware, as a configuration table: it may lie where ACPI's tables do
};

struct HandoverCarriers {
  std::span<const TreePlace> trees{};                    // that the shell has found: the bundle's, a file's
  std::array<std::string_view, kMaxCommandLines> lines;  // each by itself: a "--" ends the options of its own only
  std::span<const SetupDataNode> nodes;
  bool nodes_are_outside = false;
};

// What a refusal calls a handover: "PKRAM handover".
std::string_view CarrierName(Carrier carrier);

// A tree, and what belongs to it, may lie in RAM, or in memory that an earlier stage fenced; not in a hole, nor in
// firmware's tables.
constexpr bool MayHoldHandover(MemType type) {
  return IsRam(type) || type == MemType::kReserved || type == MemType::kPmem || type == MemType::kPram;
}
// A configuration table lies in memory that a kernel leaves alone until it has read it (EBBR 2.1, 2.3.1).
constexpr bool MayHoldListedTree(MemType type) { return MayHoldHandover(type) || type == MemType::kAcpi; }
// Whether an earlier stage may have fenced all of `range`: nothing of it is RAM.
bool IsFenced(PhysRange range, const MemoryMap& map);

// holdfast.kho-bitmaps=512 or =4096: the size of kho-v1's bitmaps, which the handover itself does not tell.
// kMalformed (where: offset in the line) for another value; kUnknown without the option.
Result<KhoBitmaps> FindKhoBitmapsOption(std::string_view line);

// What there is, none of it read yet.  On error `problem` says why: kMalformed, kOutOfBounds: an option that does not
// read (where: offset in its line); kConflict: the lines disagree about bitmaps; kUnreadable: a tree lies neither in
// RAM nor in what an earlier stage has fenced, nor, if firmware lists it, in ACPI's tables; kUnsupported: a second KHO
// node; kNotRam: of the pool of pmpool= a part is marked in the map, and this is not; kTableFull.
Status FindHandovers(const HandoverCarriers& carriers, const MemoryMap& map, FoundHandovers& out, Problem& problem);

}  // namespace holdfast
