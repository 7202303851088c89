// SPDX-License-Identifier: BSD-2-Clause
// Our own handover: the device tree holdfast,handover-v1.
//
// Binding: docs/holdfast-handover.5.  Unknown properties and nodes are carried along; an unknown
// compatible, a fence or policy without a known name, and a range-list (which this version does not
// read) are refused: memory that is not understood must not be lost in silence.

#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "common/codec/sha256.h"
#include "common/format/fdt.h"
#include "common/format/handover.h"

namespace holdfast {

inline constexpr std::string_view kDialectHoldfast = "holdfast,handover-v1";
// A tree larger than this is refused (kOutOfBounds) before it is read.
inline constexpr std::uint64_t kMaxHandoverSize = 1024 * 1024;
inline constexpr std::uint32_t kMaxRefusalDelay = 3600;  // seconds
// More names are kTableFull; a name may have as many ranges as the tree has room for.
inline constexpr std::size_t kMaxPreservedNames = 1024;

// Adds what the tree says to `out`.  Kept ranges get `source`, and as their node the offset of
// /preserved/<name> in the tree.  Does not seal out.kept.  On error `out` is unspecified.
// Of several handovers the first one's policy holds (but kaslr is off where any says so), and the highest
// generation.
//
// kUnknownCompatible; kMalformed: a node or property of ours that stands twice, a value of the wrong size, a
// word that is none of the known ones, no ranges, an empty range, a name that is no path component, a delay above
// kMaxRefusalDelay; kUnsupported: a range-list (where: its byte offset); kOutOfBounds: a range past kPhysLimit;
// kTableFull.
Status DecodeHandoverV1(const FdtView& tree, std::uint8_t source, Handover& out);

// One child of /preserved, as a view into the tree.
struct PreservedNode {
  std::string_view name;
  std::string_view owner;  // empty where absent
  Fence fence = Fence::kReserved;
  std::optional<std::span<const std::byte>> sha256;  // 32 bytes
  std::span<const std::byte> ranges;                 // (start, size) pairs of Be64, at least one
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
};
struct HandoverV1 {
  std::uint32_t generation = 0;
  std::string_view created_by;
  Policy policy;
  std::span<const HandoverV1Node> preserved;
  std::span<const PhysRange> scratch;
  std::span<const PhysRange> ram;
};
// Writes only what DecodeHandoverV1 takes.  kMalformed (where: index of the name): a name that is no path component
// or stands twice, no ranges, an empty range; (where: the delay) a delay above kMaxRefusalDelay;
// (where: the fence) a foreign fence that is none.  kTableFull: storage
// or kMaxHandoverSize too small, or more than kMaxPreservedNames.
Result<std::span<const std::byte>> EncodeHandoverV1(const HandoverV1& handover, std::span<std::byte> storage);

// "reserved", "held", "pmem", "pram"; nullopt for anything else.
std::optional<Fence> FenceFromName(std::string_view name);

}  // namespace holdfast
