// SPDX-License-Identifier: BSD-2-Clause
// prmem: persistent memory regions.

#include "common/format/prmem.h"

#include <algorithm>

#include "common/abi/prmem.h"
#include "common/format/command-line.h"
#include "common/format/prmem-lists.h"
#include "common/mem/phys-read.h"

namespace holdfast {
namespace {

// Which variant a page is, and whose addresses it has.
struct Metadata {
  PhysAddr at;
  PrmemVariant variant;
  DirectMap map;

  PhysAddr regions() const { return PhysAddr(at.raw() + variant.regions); }
  PhysAddr instances() const { return PhysAddr(at.raw() + variant.instances); }
};

// Where zeros follow the metadata, the checksum fits more than one length.  What is a number of bytes in one variant is
// a link in the others.
bool Fits(const StoredPage& page, const PrmemVariant& variant) {
  const bool has_number = page.U64(sizeof(PrmemMetadataStart)) <= kPhysLimit;
  if (has_number != variant.has_expansion) {
    return false;
  }
  std::uint64_t sum = 0;
  for (std::size_t offset = sizeof(Le64); offset < variant.size; offset += sizeof(Le64)) {
    sum += page.U64(offset);
  }
  return sum == page.U64(offsetof(PrmemMetadataStart, checksum));
}

// The direct map in which the first region is where its own record says, and names the head in return.
Result<std::optional<DirectMap>> FindDirectMap(const PhysMemory& memory, const StoredPage& page,
                                               const PrmemVariant& variant) {
  const std::uint64_t next = page.U64(variant.regions);
  for (const DirectMap map : {DirectMap(kDirectMap4Level), DirectMap(kDirectMap5Level)}) {
    const std::uint64_t head = map.ToVirtual(PhysAddr(page.WhereOf(variant.regions)));
    const auto first = map.ToPhysical(next);
    if (!first) {
      continue;
    }
    if (next == head) {
      return std::optional(map);
    }
    TRY_ASSIGN(const PrmemRegion region, ReadAt<PrmemRegion>(memory, *first));
    if (region.pa.value() == first->raw() && region.node.prev.value() == head) {
      return std::optional(map);
    }
  }
  return std::optional<DirectMap>();
}

Result<Metadata> FindVariant(const PhysMemory& memory, const StoredPage& page) {
  std::optional<Error> reason;
  for (const PrmemVariant& variant : kPrmemVariants) {
    if (!Fits(page, variant)) {
      continue;
    }
    const auto map = FindDirectMap(memory, page, variant);
    const bool has_map = map.ok() && map.value();
    // An empty list leads to itself: no head of a variant that has one is 0.
    if (has_map && (variant.instances == 0 || map.value()->ToPhysical(page.U64(variant.instances)))) {
      return Metadata{page.at(), variant, *map.value()};
    }
    if (!reason) {
      const std::uint32_t head = has_map ? variant.instances : variant.regions;
      reason = map.ok() ? Error{Errc::kMalformed, page.WhereOf(head)} : map.error();
    }
  }
  return reason.value_or(Error{Errc::kBadDigest, page.at().raw()});
}

Result<Metadata> ReadMetadata(const PrmemOption& option, const PhysMemory& memory) {
  TRY_ASSIGN(const StoredPage page, StoredPage::At(memory, option.metadata));
  TRY_ASSIGN(const Metadata metadata, FindVariant(memory, page));
  const auto start = page.Get<PrmemMetadataStart>(0);
  if (start.metadata.value() != option.metadata.raw()) {
    return Error{Errc::kMalformed, page.WhereOf(offsetof(PrmemMetadataStart, metadata))};
  }
  if (option.size != 0 && start.size.value() != option.size) {
    return Error{Errc::kMalformed, page.WhereOf(offsetof(PrmemMetadataStart, size))};
  }
  return metadata;
}

// How much all regions have together.
Result<std::uint64_t> ReadTotal(const Metadata& metadata, const PhysMemory& memory) {
  TRY_ASSIGN(const auto start, ReadAt<PrmemMetadataStart>(memory, metadata.at));
  if (!metadata.variant.has_expansion) {
    return start.size.value();
  }
  const PhysAddr at(metadata.at.raw() + sizeof(start));
  TRY_ASSIGN(const auto expansion, ReadAt<PrmemExpansion>(memory, at));
  return expansion.cur_size.value() <= expansion.max_size.value() ? Result<std::uint64_t>(expansion.cur_size.value())
                                                                  : Error{Errc::kMalformed, at.raw()};
}

// Gives all regions; whether one of them holds the metadata.
Result<bool> TakeRegions(const Metadata& metadata, const PhysMemory& memory, const BlockSink& sink, PrmemFacts& out) {
  TRY_ASSIGN(std::uint64_t rest, ReadTotal(metadata, memory));
  bool holds_metadata = false;
  PrmemList list(memory, metadata.map, metadata.regions());
  for (;;) {
    TRY_ASSIGN(const auto at, list.Next());
    if (!at) {
      return rest == 0 ? Result<bool>(holds_metadata) : Error{Errc::kMalformed, metadata.regions().raw()};
    }
    TRY_ASSIGN(const auto region, ReadAt<PrmemRegion>(memory, *at));
    const std::uint64_t size = region.size.value();
    if (region.pa.value() != at->raw() || size == 0 || size > rest) {
      return Error{Errc::kMalformed, at->raw()};
    }
    if (!IsAligned(at->raw(), kPageSize) || !IsAligned(size, kPageSize)) {
      return Error{Errc::kMisaligned, at->raw()};
    }
    TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(*at, size));
    rest -= size;
    ++out.num_regions;
    holds_metadata = holds_metadata || range.Contains(metadata.at);
    TRY(sink.Add({.range = range}));
  }
}

// nullopt: no NUL.
std::optional<std::string_view> Text(std::span<const char> stored) {
  const auto end = std::find(stored.begin(), stored.end(), '\0');
  return end == stored.end()
             ? std::nullopt
             : std::optional(std::string_view(stored.data(), static_cast<std::size_t>(end - stored.begin())));
}

Status TakeInstances(const Metadata& metadata, const PhysMemory& memory, const PrmemInstanceSink& sink) {
  if (metadata.variant.instances == 0) {
    return kDone;
  }
  PrmemList list(memory, metadata.map, metadata.instances());
  for (std::uint64_t count = 0;; ++count) {
    TRY_ASSIGN(const auto at, list.Next());
    if (!at) {
      return kDone;
    }
    if (count == kMaxPrmemInstances) {
      return Error{Errc::kTooLarge, kMaxPrmemInstances};
    }
    TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(*at, sizeof(PrmemInstanceRecord)));
    TRY_ASSIGN(const auto bytes, memory.View(range));
    PrmemInstanceRecord record;
    std::memcpy(&record, bytes.data(), sizeof(record));
    const auto subsystem = Text(record.subsystem);
    const auto name = Text(record.name);
    if (!subsystem || !name) {
      return Error{Errc::kMalformed, at->raw()};
    }
    TRY(sink.Add({.subsystem = *subsystem,
                  .name = *name,
                  .data = metadata.map.ToPhysical(record.data.value()).value_or(PhysAddr(0)),
                  .size = record.size.value()}));
  }
}

}  // namespace

Result<std::optional<PrmemOption>> FindPrmemOption(std::string_view metadata_line, std::string_view size_line) {
  const auto metadata = FindLastOption(metadata_line, kPrmemMetadataOption);
  if (!metadata) {
    return std::optional<PrmemOption>();
  }
  const auto address = ParseMemSize(metadata->value);
  if (!address || *address > kPhysLimit - kPageSize || !IsAligned(*address, kPageSize)) {
    return Error{Errc::kMalformed, metadata->offset};
  }
  if (*address == 0) {
    return std::optional<PrmemOption>();
  }
  PrmemOption out{.metadata = PhysAddr(*address)};
  if (const auto option = FindLastOption(size_line, kPrmemOption)) {
    const std::size_t comma = std::min(option->value.find(','), option->value.size());
    const auto size = ParseMemSize({option->value.data(), comma});
    if (!size || *size == 0 || !IsAligned(*size, kPageSize)) {
      return Error{Errc::kMalformed, option->offset};
    }
    out.size = *size;
  }
  return std::optional(out);
}

Status DecodePrmem(const PrmemOption& option, const PhysMemory& memory, const BlockSink& sink, PrmemFacts& out) {
  TRY_ASSIGN(const Metadata metadata, ReadMetadata(option, memory));
  out = PrmemFacts{.metadata_size = metadata.variant.size, .direct_map = metadata.map.base()};
  TRY_ASSIGN(const bool holds_metadata, TakeRegions(metadata, memory, sink, out));
  if (!holds_metadata) {
    TRY_ASSIGN(const PhysRange page, PhysRange::FromStartSize(metadata.at, kPageSize));
    TRY(sink.Add({.range = page, .kind = KeptKind::kStructure}));
  }
  const auto count = [](void* facts, const PrmemInstance&) -> Status {
    ++static_cast<PrmemFacts*>(facts)->num_instances;
    return kDone;
  };
  return TakeInstances(metadata, memory, PrmemInstanceSink(count, &out));
}

Status ListPrmemInstances(const PrmemOption& option, const PhysMemory& memory, const PrmemInstanceSink& sink) {
  TRY_ASSIGN(const Metadata metadata, ReadMetadata(option, memory));
  return TakeInstances(metadata, memory, sink);
}

}  // namespace holdfast
