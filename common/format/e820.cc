// SPDX-License-Identifier: BSD-2-Clause
// The e820 table: stored entries <-> MemoryMap.

#include "common/format/e820.h"

#include <compare>

#include "common/base/byte-reader.h"

namespace holdfast {
namespace {

// What an early kernel needs most ranks lowest.  No two entries of a map have one rank, as no two begin at one address.
struct Rank {
  enum class Need : std::uint8_t { kLowRam, kRam, kOther, kNothing };

  Need need = Need::kLowRam;
  std::uint64_t missing = 0;  // bytes less than the largest entry that there could be; 0 where size means nothing
  PhysAddr start;

  constexpr auto operator<=>(const Rank&) const = default;
};

Rank RankOf(const MemEntry& entry) {
  if (entry.type != MemType::kUsable) {
    return {.need = Rank::Need::kOther, .missing = 0, .start = entry.range.start()};
  }
  return {.need = entry.range.start() < PhysAddr(kMiB) ? Rank::Need::kLowRam : Rank::Need::kRam,
          .missing = kPhysLimit - entry.range.size(),
          .start = entry.range.start()};
}

// The highest rank that still goes into boot_params: with n entries, 128 n steps and no memory.
Rank LastInZeropage(std::span<const MemEntry> entries) {
  constexpr Rank kNobody = {.need = Rank::Need::kNothing, .missing = 0, .start = PhysAddr(0)};
  if (entries.size() <= kE820MaxZeropage) {
    return kNobody;
  }
  Rank last;  // below every entry's: none is as large as all memory and begins at 0
  for (std::size_t picked = 0; picked < kE820MaxZeropage; ++picked) {
    Rank next = kNobody;
    for (const MemEntry& entry : entries) {
      const Rank rank = RankOf(entry);
      if (last < rank && rank < next) {
        next = rank;
      }
    }
    last = next;
  }
  return last;
}

}  // namespace

Status DecodeE820(std::span<const std::byte> entries, MemoryMap& out) {
  for (ByteReader reader(entries); !reader.done();) {
    TRY_ASSIGN(const E820Entry entry, reader.Read<E820Entry>());
    if (entry.size.value() == 0) {
      continue;
    }
    TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(PhysAddr(entry.addr.value()), entry.size.value()));
    TRY(out.Overlay(range, static_cast<MemType>(entry.type.value())));
  }
  return kDone;
}

Status DecodeE820Zeropage(const BootParams& params, MemoryMap& out) {
  const auto count = std::to_integer<std::size_t>(params.e820_entries);
  if (count > kE820MaxZeropage) {
    return Error{Errc::kMalformed, offsetof(BootParams, e820_entries)};
  }
  return DecodeE820(std::as_bytes(std::span(params.e820_table).first(count)), out);
}

Result<std::size_t> EncodeE820(const MemoryMap& map, BootParams& params, std::span<E820Entry> extension) {
  if (map.size() > kE820MaxZeropage + extension.size()) {
    return Error{Errc::kTableFull, kE820MaxZeropage + extension.size()};
  }
  params.e820_table.fill({});
  const Rank last = LastInZeropage(map.view());
  std::size_t in_zeropage = 0;
  std::size_t in_extension = 0;
  for (const MemEntry& entry : map.view()) {
    E820Entry& place = RankOf(entry) <= last ? params.e820_table[in_zeropage++] : extension[in_extension++];
    place = {.addr = Le64(entry.range.start().raw()),
             .size = Le64(entry.range.size()),
             .type = Le32(static_cast<std::uint32_t>(entry.type))};
  }
  params.e820_entries = static_cast<std::byte>(in_zeropage);
  return in_extension;
}

}  // namespace holdfast
