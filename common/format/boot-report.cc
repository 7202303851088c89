// SPDX-License-Identifier: BSD-2-Clause
// The report that the stage leaves for the next kernel's user space: how it is read.

#include "common/format/boot-report.h"

#include "common/abi/handover-fdt.h"
#include "common/base/byte-reader.h"

namespace holdfast {
namespace {

using namespace report_fdt;

Status ReadString(const FdtView& tree, const char* name, std::string_view& out) {
  TRY_ASSIGN(const auto text, tree.String(tree.root(), name));
  out = text.value_or(out);
  return kDone;
}

Status ReadU64(const FdtView& tree, const char* name, std::uint64_t& out) {
  TRY_ASSIGN(const auto value, tree.U64(tree.root(), name));
  out = value.value_or(out);
  return kDone;
}

// Calls `take` with each T in the property and what to say when it is no good.
template <typename T, typename Take>
Status ForEach(const FdtView& tree, const char* name, Take take) {
  const auto value = tree.Property(tree.root(), name);
  if (!value) {
    return kDone;
  }
  const std::uint64_t where = tree.WhereOf(tree.root(), name);
  if (value->size() % sizeof(T) != 0) {
    return Error{Errc::kMalformed, where};
  }
  for (ByteReader reader(*value); !reader.done();) {
    const Error malformed = {Errc::kMalformed, where + reader.position()};
    TRY_ASSIGN(const T stored, reader.Read<T>());
    TRY(take(stored, malformed));
  }
  return kDone;
}

// A range of a list in which each begins at or after the end of the one before it.
Result<PhysRange> NextRange(Be64 start, Be64 size, PhysAddr from, Error malformed) {
  TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(PhysAddr(start.value()), size.value()));
  if (range.empty() || range.start() < from) {
    return malformed;
  }
  return range;
}

Status ReadKept(const FdtView& tree, BoundedVector<KeptRange>& out) {
  out.Clear();
  PhysAddr from;
  std::uint64_t bytes = 0;
  TRY(ForEach<StoredRange>(tree, kPropKeptRanges, [&](const StoredRange& stored, Error malformed) -> Status {
    TRY_ASSIGN(const PhysRange range, NextRange(stored.start, stored.size, from, malformed));
    from = range.end();
    bytes += range.size();
    return out.Append({.range = range});
  }));
  TRY_ASSIGN(const auto stated_count, tree.U32(tree.root(), kPropKeptCount));
  if (stated_count.value_or(static_cast<std::uint32_t>(out.size())) != out.size()) {
    return Error{Errc::kMalformed, tree.WhereOf(tree.root(), kPropKeptCount)};
  }
  TRY_ASSIGN(const auto stated_bytes, tree.U64(tree.root(), kPropKeptBytes));
  if (stated_bytes.value_or(bytes) != bytes) {
    return Error{Errc::kMalformed, tree.WhereOf(tree.root(), kPropKeptBytes)};
  }
  return kDone;
}

Status ReadMap(const FdtView& tree, const char* name, BoundedVector<MemEntry>& out) {
  out.Clear();
  PhysAddr from;
  return ForEach<StoredEntry>(tree, name, [&](const StoredEntry& stored, Error malformed) -> Status {
    TRY_ASSIGN(const PhysRange range, NextRange(stored.start, stored.size, from, malformed));
    from = range.end();
    return out.Append({range, static_cast<MemType>(stored.type.value())});
  });
}

Status ReadRanges(const FdtView& tree, const char* name, BoundedVector<PhysRange>& out) {
  out.Clear();
  PhysAddr from;
  return ForEach<StoredRange>(tree, name, [&](const StoredRange& stored, Error malformed) -> Status {
    TRY_ASSIGN(const PhysRange range, NextRange(stored.start, stored.size, from, malformed));
    from = range.end();
    return out.Append(range);
  });
}

// The names of a list's items, in their order: as many as there are items.
class NameReader {
 public:
  NameReader(const FdtView& tree, const char* name) : malformed_{Errc::kMalformed, tree.WhereOf(tree.root(), name)} {
    const auto list = tree.Property(tree.root(), name).value_or(std::span<const std::byte>());
    rest_ = {static_cast<const char*>(static_cast<const void*>(list.data())), list.size()};
  }

  Result<std::string_view> Next() {
    const std::size_t length = rest_.find('\0');
    if (length == std::string_view::npos) {
      return malformed_;
    }
    const std::string_view name(rest_.data(), length);
    rest_.remove_prefix(length + 1);
    return name;
  }
  Status Finish() const { return rest_.empty() ? Status(kDone) : Status(malformed_); }

 private:
  Error malformed_;
  std::string_view rest_;
};

// In no order: they lie where their makers put them.
Status ReadPlaced(const FdtView& tree, BoundedVector<PlacedSegment>& out) {
  out.Clear();
  NameReader names(tree, kPropPlacedNames);
  TRY(ForEach<StoredRange>(tree, kPropPlacedRanges, [&](const StoredRange& stored, Error malformed) -> Status {
    TRY_ASSIGN(const PhysRange range, NextRange(stored.start, stored.size, PhysAddr(0), malformed));
    TRY_ASSIGN(const std::string_view name, names.Next());
    return out.Append({.name = name, .range = range});
  }));
  return names.Finish();
}

Status ReadLost(const FdtView& tree, BoundedVector<std::string_view>& out) {
  out.Clear();
  NameReader names(tree, kPropLostNames);
  while (!names.Finish().ok()) {
    TRY_ASSIGN(const std::string_view name, names.Next());
    TRY(out.Append(name));
  }
  return kDone;
}

Result<std::optional<PhysAddr>> ReadAddress(const FdtView& tree, const char* name) {
  TRY_ASSIGN(const auto address, tree.U64(tree.root(), name));
  if (!address) {
    return std::optional<PhysAddr>();
  }
  if (*address >= kPhysLimit) {
    return Error{Errc::kOutOfBounds, *address};
  }
  return std::optional(PhysAddr(*address));
}

// What there is to say of a boot from firmware.
Status ReadFirmware(const FdtView& tree, BoundedVector<std::string_view>& lost, BootReport& out) {
  TRY(ReadLost(tree, lost));
  out.lost = lost.view();
  TRY(ReadString(tree, kPropMeasured, out.measured));
  TRY(ReadString(tree, kPropOverwriteState, out.overwrite_request));
  TRY(ReadString(tree, kPropLeftOut, out.left_out));
  TRY_ASSIGN(out.report_address, ReadAddress(tree, kPropReportAddress));
  return kDone;
}

Status ReadTimestamps(const FdtView& tree, BoundedVector<Timestamp>& out) {
  out.Clear();
  NameReader names(tree, kPropTimestampNames);
  TRY(ForEach<Be64>(tree, kPropTimestamps, [&](Be64 stored, Error) -> Status {
    TRY_ASSIGN(const std::string_view name, names.Next());
    return out.Append({.name = name, .tsc = stored.value()});
  }));
  return names.Finish();
}

Status ReadHandover(const FdtView& tree, BootReport& out) {
  const FdtNode root = tree.root();
  TRY_ASSIGN(out.handover_address, ReadAddress(tree, kPropHandoverAddress));
  if (const auto digest = tree.Property(root, kPropHandoverSha256)) {
    const auto read = ByteReader(*digest).Read<Digest>();
    if (!read.ok() || digest->size() != sizeof(Digest)) {
      return Error{Errc::kMalformed, tree.WhereOf(root, kPropHandoverSha256)};
    }
    out.handover_digest = read.value();
  }
  out.handover = tree.Property(root, kPropHandover).value_or(std::span<const std::byte>());
  return kDone;
}

Status ReadKernel(const FdtView& tree, BootReport& out) {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  TRY(ReadU64(tree, kPropKernelAddress, address));
  TRY(ReadU64(tree, kPropKernelSize, size));
  TRY_ASSIGN(out.kernel, PhysRange::FromStartSize(PhysAddr(address), size));
  TRY(ReadU64(tree, kPropSlotIndex, out.slot_index));
  return ReadU64(tree, kPropSlotCount, out.slot_count);
}

}  // namespace

Status DecodeBootReport(const FdtView& tree, BootReportTables tables, BootReport& out) {
  const FdtNode root = tree.root();
  if (!tree.IsCompatible(root, kCompatible)) {
    return Error{Errc::kUnknownCompatible, tree.WhereOf(root, handover_fdt::kPropCompatible)};
  }
  out = {};
  TRY(ReadString(tree, kPropVersion, out.version));
  TRY(ReadString(tree, kPropShell, out.shell));
  TRY(ReadString(tree, kPropLoader, out.loader));
  TRY(ReadString(tree, kPropDialect, out.dialect));
  TRY(ReadHandover(tree, out));
  TRY_ASSIGN(const auto generation, tree.U32(root, kPropGeneration));
  out.generation = generation.value_or(0);
  TRY(ReadKept(tree, tables.kept));
  TRY(ReadString(tree, kPropMode, out.mode));
  TRY(ReadString(tree, kPropEntry, out.entry));
  TRY(ReadMap(tree, kPropMapBefore, tables.map_before));
  TRY(ReadMap(tree, kPropMapAfter, tables.map_after));
  TRY(ReadU64(tree, kPropClosedBytes, out.closed_bytes));
  TRY(ReadKernel(tree, out));
  TRY(ReadFirmware(tree, tables.lost, out));
  TRY(ReadTimestamps(tree, tables.timestamps));
  TRY(ReadRanges(tree, kPropScratchRanges, tables.scratch));
  TRY(ReadPlaced(tree, tables.placed));
  out.scratch = tables.scratch.view();
  out.placed = tables.placed.view();
  out.kept = tables.kept.view();
  out.map_before = tables.map_before.view();
  out.map_after = tables.map_after.view();
  out.timestamps = tables.timestamps.view();
  return kDone;
}

}  // namespace holdfast
