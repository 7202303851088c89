// SPDX-License-Identifier: BSD-2-Clause
// Our own handover: the device tree holdfast,handover-v1.
//
// Binding: docs/holdfast-handover.5.  Unknown properties and nodes are carried along; an unknown
// compatible, and a fence or policy without a known name are refused: memory that is not understood must not be lost
// in silence.

#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "common/codec/sha256.h"
#include "common/format/fdt.h"
#include "common/format/handover.h"
#include "common/mem/kept-block.h"
#include "common/mem/phys-memory.h"

namespace holdfast {

inline constexpr std::string_view kDialectHoldfast = "holdfast,handover-v1";
// A tree larger than this is refused (kOutOfBounds) before it is read.
inline constexpr std::uint64_t kMaxHandoverSize = 1024 * 1024;
inline constexpr std::uint32_t kMaxRefusalDelay = 3600;  // seconds
// More names are kTableFull; a name may have as many ranges as the tree has room for.
inline constexpr std::size_t kMaxPreservedNames = 1024;

// What a range-list is read and verified with.
struct ListReader {
  PhysMemory memory;
  Sha256BlocksFn blocks = &Sha256Blocks;
};
// For who has no memory at hand: any range-list is kUnreadable.
ListReader NoLists();

// A name of a tree, /preserved/<name> in the handover of that index, whose contents are gone.
struct LostName {
  std::uint8_t source = 0;
  std::uint32_t node = 0;  // byte offset in the tree

  constexpr bool operator==(const LostName&) const = default;
};

// How far a tree is believed.
struct TreeTrust {
  bool is_outside = false;           // as FoundHandover says: it can only reserve memory
  std::span<const LostName> lost{};  // names that are not kept any more
};

// Adds what the tree says to `out`.  Kept ranges get `source`, and as their node the offset of
// /preserved/<name> in the tree; the bytes of a range-list are kept as kStructure under the name that it belongs to.
// Does not seal out.kept.  On error `out` is unspecified.  What is lost has to be well-formed too, but for a
// range-list's bytes, which are not read.  A tree from outside says nothing of policy, of what was RAM, of what is released
// and of the generation, and all of its fences are kReserved. Of several handovers the first one's policy holds (but kaslr is off
// where any says so), and the highest generation.
//
// kUnknownCompatible; kMalformed: a node or property of ours that stands twice, a value of the wrong size, a
// word that is none of the known ones, no ranges, an empty range, ranges beside a range-list, a name that is no path
// component, a delay above kMaxRefusalDelay; kOutOfBounds: a range past kPhysLimit; kTableFull.  Of a range-list:
// kTooLarge (where: kMaxRangeListSize), kUnreadable and kBadDigest (where: its address), and DecodeRangeList's errors
// (where: the address instead of the offset).
Status DecodeHandoverV1(const FdtView& tree, std::uint8_t source, const ListReader& reader, Handover& out,
                        const TreeTrust& trust = {});

// Where a list of ranges lies.  Its format: range-list.h.
struct RangeListPlace {
  PhysRange range;
  Digest digest{};
};

// Gives the place of each range-list as a kStructure block, up to the first node that DecodeHandoverV1() refuses.  The
// sink's errors only.
Status ForEachRangeList(const FdtView& tree, const BlockSink& sink);

// One child of /preserved, as a view into the tree.
struct PreservedNode {
  std::string_view name;
  std::string_view owner;  // empty where absent
  Fence fence = Fence::kReserved;
  std::optional<std::span<const std::byte>> sha256;  // 32 bytes
  std::span<const std::byte> ranges;                 // (start, size) pairs of Be64, at least one, or instead of them
  std::optional<RangeListPlace> range_list;
};
// On error `out` is unspecified.
Status DecodePreservedNode(const FdtView& tree, FdtNode node, PreservedNode& out);
// The name that a kept range carries in its tree; empty when the offset leads nowhere.
std::string_view KeptName(const FdtView& tree, const KeptRange& kept);

// The other way round.  Ranges are written as given: page rounding is the reader's.
struct HandoverV1Node {
  std::string_view name;  // one path component: [0-9A-Za-z,._+-]{1,31}
  std::string_view owner;
  Fence fence = Fence::kReserved;
  std::span<const PhysRange> ranges;
  std::optional<Digest> sha256;
  std::optional<RangeListPlace> range_list{};  // instead of ranges
};
struct HandoverV1 {
  std::uint32_t generation = 0;
  std::string_view created_by;
  Policy policy;
  std::span<const HandoverV1Node> preserved;
  std::span<const PhysRange> scratch;
  std::span<const PhysRange> ram;
  std::span<const PhysRange> released{};
};
// Writes only what DecodeHandoverV1 takes.  kMalformed (where: index of the name): a name that is no path component
// or stands twice, ranges and a list or neither, an empty range, a list of no bytes or of more than kMaxRangeListSize;
// (where: the delay) a delay above kMaxRefusalDelay; (where: the fence) a foreign fence that is none.  kTableFull:
// storage or kMaxHandoverSize too small, or more than kMaxPreservedNames.
Result<std::span<const std::byte>> EncodeHandoverV1(const HandoverV1& handover, std::span<std::byte> storage);

// "reserved", "held", "pmem", "pram"; nullopt for anything else.
std::optional<Fence> FenceFromName(std::string_view name);

}  // namespace holdfast
