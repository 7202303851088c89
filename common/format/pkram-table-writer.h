// SPDX-License-Identifier: BSD-2-Clause
// Writes PKRAM's page table of preserved pages.

#pragma once

#include "common/format/page-arena.h"

namespace holdfast {

class PkramTableWriter {
 public:
  // `root` is of the arena, which nobody else took pages from before it.  Pre: levels is 4 or 5.
  PkramTableWriter(PageArena& arena, const PageArena::Page& root, int levels)
      : arena_(arena), root_(root), levels_(levels) {
    Require(levels == 4 || levels == 5);
  }

  // Pre: `range` is made of pages.  `is_huge`: its 2 MiB are huge pages, and get no bitmaps.
  // kTableFull; kOutOfBounds (where: the address): more than the levels can say.
  Status Mark(PhysRange range, bool is_huge);

 private:
  Status MarkWithin(PhysRange part, bool is_huge);
  // Where the entry of that level for `address` is, after those above it.
  Result<std::byte*> EntryOf(PhysAddr address, int level);
  Result<PageArena::Page> TakeInto(std::byte* entry);

  PageArena& arena_;
  PageArena::Page root_;
  int levels_;
};

}  // namespace holdfast
