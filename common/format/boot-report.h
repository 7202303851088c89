// SPDX-License-Identifier: BSD-2-Clause
// The report that the stage leaves for the next kernel's user space.
//
// A device tree, holdfast,report-v1 (common/abi/handover-fdt.h).  It travels as a setup_data node of type
// kSetupHoldfastReport.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/codec/sha256.h"
#include "common/format/fdt.h"
#include "common/mem/memory-map.h"
#include "common/mem/placed-segment.h"
#include "common/mem/preserved-map.h"

namespace holdfast {

struct Timestamp {
  std::string_view name;
  std::uint64_t tsc = 0;
};

struct BootReport {
  std::string_view version;
  std::string_view shell;
  std::string_view loader;
  std::string_view dialect;
  std::optional<PhysAddr> handover_address;
  std::optional<Digest> handover_digest;
  std::uint32_t generation = 0;
  std::span<const KeptRange> kept;
  std::string_view mode;
  std::span<const PhysRange> scratch;     // of a handover that a kernel may read by itself; ascending
  std::span<const PlacedSegment> placed;  // what is not temporary of it is written, in this order
  std::string_view entry;
  std::span<const MemEntry> map_before;
  std::span<const MemEntry> map_after;
  std::uint64_t closed_bytes = 0;
  PhysRange kernel;
  std::uint64_t slot_index = 0;
  std::uint64_t slot_count = 0;
  std::span<const std::string_view> lost{};  // names whose contents were not what their digests say, and were dropped
  std::string_view measured{};               // "pcr 15", or why not; empty where nothing measures
  std::string_view overwrite_request{};      // "none", "clear", "set" or "cleared"; empty where nobody looked
  std::string_view left_out{};               // what of all this did not fit where the report is; empty for nothing
  std::optional<PhysAddr> report_address{};  // of the whole one, where this is not it
  std::span<const Timestamp> timestamps;
  std::span<const std::byte> handover;  // empty where there is none
};

// kTableFull: storage too small.
Result<std::span<const std::byte>> EncodeBootReport(const BootReport& report, std::span<std::byte> storage);

// Where a decoder puts the lists; the strings and the handover stay views into the tree.
struct BootReportTables {
  BoundedVector<KeptRange>& kept;
  BoundedVector<MemEntry>& map_before;
  BoundedVector<MemEntry>& map_after;
  BoundedVector<Timestamp>& timestamps;
  BoundedVector<PhysRange>& scratch;
  BoundedVector<PlacedSegment>& placed;
  BoundedVector<std::string_view>& lost;
};
// What the tree does not say keeps its value from BootReport{}.  Of kept ranges the report tells only where they are.
// kUnknownCompatible, kMalformed (a value of the wrong size, a list out of order, figures that disagree), kOutOfBounds,
// kTableFull.
Status DecodeBootReport(const FdtView& tree, BootReportTables tables, BootReport& out);

}  // namespace holdfast
