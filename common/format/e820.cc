// SPDX-License-Identifier: BSD-2-Clause
// The e820 table: stored entries <-> MemoryMap.

#include "common/format/e820.h"

#include <algorithm>

#include "common/base/byte-reader.h"

namespace holdfast {

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
  std::size_t written = 0;
  for (const MemEntry& entry : map.view()) {
    E820Entry& place = written < kE820MaxZeropage ? params.e820_table[written] : extension[written - kE820MaxZeropage];
    place = {.addr = Le64(entry.range.start().raw()),
             .size = Le64(entry.range.size()),
             .type = Le32(static_cast<std::uint32_t>(entry.type))};
    ++written;
  }
  const std::size_t in_zeropage = std::min(written, kE820MaxZeropage);
  params.e820_entries = static_cast<std::byte>(in_zeropage);
  return written - in_zeropage;
}

}  // namespace holdfast
