// SPDX-License-Identifier: BSD-2-Clause
// The switch to page tables of our own.

#include "purgatory/own-page-tables.h"

#include "common/arch/x86/cpu.h"
#include "common/base/align.h"

namespace holdfast::purgatory {

Status SwitchPageTables(x86::IdentityMap& tables, const MemoryMap& map, std::span<const PhysRange> ranges) {
  TRY_ASSIGN(const PhysRange low, PhysRange::FromStartSize(PhysAddr(0), kMiB));
  TRY(tables.Map(low));
  // Where kept memory cuts the RAM above 4 GiB into pieces, the GiB around them are mapped whole as long as no
  // hole is in them: a page of 1 GiB then takes the place of a table.
  for (const MemEntry& entry : map.view()) {
    if (!IsRam(entry.type)) {
      continue;
    }
    for (std::uint64_t at = AlignDown(entry.range.start().raw(), kGiB); at < entry.range.end().raw(); at += kGiB) {
      TRY_ASSIGN(const PhysRange gib, PhysRange::FromStartSize(PhysAddr(at), kGiB));
      const bool has_hole = at < 4 * kGiB || map.FirstNot(gib, [](MemType) { return true; }).has_value();
      TRY(tables.Map(has_hole ? gib.Intersection(entry.range) : gib));
    }
  }
  for (const PhysRange& range : ranges) {
    TRY(tables.Map(range));
  }
  x86::WriteCr3(tables.root());
  return kDone;
}

}  // namespace holdfast::purgatory
