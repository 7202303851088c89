// SPDX-License-Identifier: BSD-2-Clause
// Names in our own two device trees: the handover and the report.
//
// Layout only.  Binding: docs/holdfast-handover.5 and docs/holdfast,handover-v1.yaml.
// Ordinary devicetree: big-endian cells; an address or a size takes two cells.

#pragma once

#include <string_view>

#include "common/base/stored-int.h"

namespace holdfast::handover_fdt {

inline constexpr const char* kCompatible = "holdfast,handover-v1";
inline constexpr const char* kPropCompatible = "compatible";
inline constexpr const char* kPropGeneration = "generation";  // u32: kexecs since cold boot
inline constexpr const char* kPropCreatedBy = "created-by";   // string

inline constexpr const char* kNodePolicy = "policy";
inline constexpr const char* kPropOnRefusal = "on-refusal";         // "reset" or "halt"
inline constexpr const char* kPropRefusalDelay = "refusal-delay";   // u32, seconds
inline constexpr const char* kPropKaslr = "kaslr";                  // "on" or "off"
inline constexpr const char* kPropMode = "mode";                    // "auto", "fence" or "native"
inline constexpr const char* kPropOnLoss = "on-loss";               // "refuse" or "drop"
inline constexpr const char* kPropOverwrite = "overwrite-request";  // "keep" or "clear"
inline constexpr const char* kPropForeignFence = "foreign-fence";   // "reserved" or "held": for other dialects' memory

inline constexpr const char* kNodePreserved = "preserved";  // children: one node a name
inline constexpr const char* kPropRanges = "ranges";        // (start u64, size u64) pairs
// (address u64, size u64, SHA-256 32 bytes): a list as in abi/range-list.h, instead of ranges.
inline constexpr const char* kPropRangeList = "range-list";
inline constexpr const char* kPropFence = "fence";    // "reserved", "held", "pmem" or "pram"
inline constexpr const char* kPropOwner = "owner";    // string
inline constexpr const char* kPropSha256 = "sha256";  // 32 bytes

inline constexpr const char* kNodeScratch = "scratch";  // "ranges": where a native boot may place things
// What was RAM before anything was fenced: "ranges".  It is how a stage tells a range that an earlier
// stage reserved from memory that never was RAM.
inline constexpr const char* kNodeRam = "ram";
// "ranges": what a handover before this one kept and fenced, and none keeps any more.
inline constexpr const char* kNodeReleased = "released";

}  // namespace holdfast::handover_fdt

namespace holdfast::report_fdt {

inline constexpr const char* kCompatible = "holdfast,report-v1";
inline constexpr const char* kPropVersion = "version";                   // string
inline constexpr const char* kPropShell = "shell";                       // string
inline constexpr const char* kPropLoader = "loader";                     // string
inline constexpr const char* kPropDialect = "dialect";                   // string, empty without a handover
inline constexpr const char* kPropHandoverAddress = "handover-address";  // u64
inline constexpr const char* kPropHandoverSha256 = "handover-sha256";    // 32 bytes
inline constexpr const char* kPropGeneration = "generation";             // u32, the handover's plus one
inline constexpr const char* kPropKeptRanges = "kept-ranges";            // (start u64, size u64) pairs, sealed
inline constexpr const char* kPropKeptCount = "kept-count";              // u32
inline constexpr const char* kPropKeptBytes = "kept-bytes";              // u64
inline constexpr const char* kPropMode = "mode";                         // "fence" or "native"
inline constexpr const char* kPropScratchRanges = "scratch-ranges";      // (start u64, size u64) pairs: KHO's areas
inline constexpr const char* kPropPlacedRanges = "placed-ranges";        // the same, of what lies beside the kernel
inline constexpr const char* kPropPlacedNames = "placed-names";          // string list, one a placed range
inline constexpr const char* kPropEntry = "entry";                       // "bzimage" or "vmlinux"
inline constexpr const char* kPropMapBefore = "map-before";              // (start u64, size u64, type u32)
inline constexpr const char* kPropMapAfter = "map-after";                // the same
inline constexpr const char* kPropClosedBytes = "closed-bytes";          // u64
inline constexpr const char* kPropKernelAddress = "kernel-address";      // u64
inline constexpr const char* kPropKernelSize = "kernel-size";            // u64
inline constexpr const char* kPropSlotIndex = "slot-index";              // u64, from 0
inline constexpr const char* kPropSlotCount = "slot-count";              // u64
inline constexpr const char* kPropLostNames = "lost-names";              // string list
inline constexpr const char* kPropMeasured = "measured";                 // string
inline constexpr const char* kPropOverwriteState = "overwrite-request";  // string
inline constexpr const char* kPropLeftOut = "left-out";                  // string
inline constexpr const char* kPropReportAddress = "report-address";      // u64
inline constexpr const char* kPropTimestamps = "timestamps";             // u64 each: time-stamp counter
inline constexpr const char* kPropTimestampNames = "timestamp-names";    // string list, one a timestamp
inline constexpr const char* kPropHandover = "handover";                 // the handover's FDT itself

// An element of the lists above.
struct StoredRange {
  Be64 start;
  Be64 size;
};
static_assert(sizeof(StoredRange) == 16);

struct StoredEntry {
  Be64 start;
  Be64 size;
  Be32 type;
};
static_assert(sizeof(StoredEntry) == 20);

}  // namespace holdfast::report_fdt
