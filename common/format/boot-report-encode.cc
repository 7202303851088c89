// SPDX-License-Identifier: BSD-2-Clause
// The report that the stage leaves for the next kernel's user space: how it is written.

#include <cstring>

#include "common/abi/handover-fdt.h"
#include "common/format/boot-report.h"

namespace holdfast {
namespace {

using namespace report_fdt;

template <typename T>
void Put(std::span<std::byte>& space, const T& stored) {
  std::memcpy(space.data(), &stored, sizeof(stored));
  space = space.subspan(sizeof(stored));
}

void WriteKept(FdtWriter& writer, std::span<const KeptRange> kept) {
  auto space = writer.Space(kPropKeptRanges, kept.size() * sizeof(StoredRange));
  std::uint64_t bytes = 0;
  for (const KeptRange& each : kept) {
    bytes += each.range.size();
    if (!space.empty()) {
      Put(space, StoredRange{Be64(each.range.start().raw()), Be64(each.range.size())});
    }
  }
  writer.U32(kPropKeptCount, static_cast<std::uint32_t>(kept.size()));
  writer.U64(kPropKeptBytes, bytes);
}

void WriteMap(FdtWriter& writer, const char* name, std::span<const MemEntry> map) {
  auto space = writer.Space(name, map.size() * sizeof(StoredEntry));
  if (space.empty()) {
    return;
  }
  for (const MemEntry& entry : map) {
    Put(space, StoredEntry{Be64(entry.range.start().raw()), Be64(entry.range.size()),
                           Be32(static_cast<std::uint32_t>(entry.type))});
  }
}

void WriteScratch(FdtWriter& writer, std::span<const PhysRange> ranges) {
  auto space = writer.Space(kPropScratchRanges, ranges.size() * sizeof(StoredRange));
  if (space.empty()) {
    return;
  }
  for (const PhysRange& range : ranges) {
    Put(space, StoredRange{Be64(range.start().raw()), Be64(range.size())});
  }
}

void PutName(std::span<std::byte>& space, std::string_view name) {
  for (const char c : name) {
    Put(space, static_cast<std::byte>(c));
  }
  Put(space, std::byte{0});
}

// Calls visit(segment) for each that the next kernel still needs.
template <typename Visit>
void ForEachLasting(std::span<const PlacedSegment> placed, Visit visit) {
  for (const PlacedSegment& each : placed) {
    if (!each.is_temporary) {
      visit(each);
    }
  }
}

void WritePlaced(FdtWriter& writer, std::span<const PlacedSegment> placed) {
  std::size_t count = 0;
  std::size_t names_size = 0;
  ForEachLasting(placed, [&](const PlacedSegment& each) {
    ++count;
    names_size += each.name.size() + 1;
  });
  auto ranges = writer.Space(kPropPlacedRanges, count * sizeof(StoredRange));
  if (ranges.empty()) {
    return;
  }
  ForEachLasting(placed, [&](const PlacedSegment& each) {
    Put(ranges, StoredRange{Be64(each.range.start().raw()), Be64(each.range.size())});
  });
  auto names = writer.Space(kPropPlacedNames, names_size);
  if (!names.empty()) {
    ForEachLasting(placed, [&](const PlacedSegment& each) { PutName(names, each.name); });
  }
}

void WriteLost(FdtWriter& writer, std::span<const std::string_view> lost) {
  std::size_t size = 0;
  for (const std::string_view name : lost) {
    size += name.size() + 1;
  }
  if (size == 0) {
    return;
  }
  auto names = writer.Space(kPropLostNames, size);
  if (!names.empty()) {
    for (const std::string_view name : lost) {
      PutName(names, name);
    }
  }
}

void WriteUnlessEmpty(FdtWriter& writer, const char* name, std::string_view value) {
  if (!value.empty()) {
    writer.String(name, value);
  }
}

void WriteTimestamps(FdtWriter& writer, std::span<const Timestamp> timestamps) {
  auto values = writer.Space(kPropTimestamps, timestamps.size() * sizeof(Be64));
  if (values.empty()) {
    return;
  }
  std::size_t names_size = 0;
  for (const Timestamp& timestamp : timestamps) {
    Put(values, Be64(timestamp.tsc));
    names_size += timestamp.name.size() + 1;
  }
  auto names = writer.Space(kPropTimestampNames, names_size);
  if (names.empty()) {
    return;
  }
  for (const Timestamp& timestamp : timestamps) {
    PutName(names, timestamp.name);
  }
}

}  // namespace

Result<std::span<const std::byte>> EncodeBootReport(const BootReport& report, std::span<std::byte> storage) {
  FdtWriter writer(storage);
  writer.BeginNode("");
  writer.String(handover_fdt::kPropCompatible, kCompatible);
  writer.String(kPropVersion, report.version);
  writer.String(kPropShell, report.shell);
  writer.String(kPropLoader, report.loader);
  writer.String(kPropDialect, report.dialect);
  if (report.handover_address) {
    writer.U64(kPropHandoverAddress, report.handover_address->raw());
  }
  if (report.handover_digest) {
    writer.Bytes(kPropHandoverSha256, *report.handover_digest);
  }
  writer.U32(kPropGeneration, report.generation);
  WriteKept(writer, report.kept);
  writer.String(kPropMode, report.mode);
  WriteScratch(writer, report.scratch);
  WritePlaced(writer, report.placed);
  writer.String(kPropEntry, report.entry);
  WriteMap(writer, kPropMapBefore, report.map_before);
  WriteMap(writer, kPropMapAfter, report.map_after);
  writer.U64(kPropClosedBytes, report.closed_bytes);
  writer.U64(kPropKernelAddress, report.kernel.start().raw());
  writer.U64(kPropKernelSize, report.kernel.size());
  writer.U64(kPropSlotIndex, report.slot_index);
  writer.U64(kPropSlotCount, report.slot_count);
  WriteLost(writer, report.lost);
  WriteUnlessEmpty(writer, kPropMeasured, report.measured);
  WriteUnlessEmpty(writer, kPropOverwriteState, report.overwrite_request);
  WriteUnlessEmpty(writer, kPropLeftOut, report.left_out);
  if (report.report_address) {
    writer.U64(kPropReportAddress, report.report_address->raw());
  }
  WriteTimestamps(writer, report.timestamps);
  if (!report.handover.empty()) {
    writer.Bytes(kPropHandover, report.handover);
  }
  writer.EndNode();
  return writer.Finish();
}

}  // namespace holdfast
