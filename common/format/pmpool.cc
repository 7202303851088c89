// SPDX-License-Identifier: BSD-2-Clause
// pmpool: a pool of pages at a fixed place.

#include "common/format/pmpool.h"

#include "common/abi/pmpool.h"
#include "common/format/bit-runs.h"
#include "common/format/command-line.h"

namespace holdfast {
namespace {

// Pre: made of pages.
std::uint64_t NumPages(PhysRange pool) { return pool.size() / kPageSize; }

// The bitmap of `pool` at `at`, whole words; nullopt: it does not lie in the pool.
std::optional<PhysRange> BitmapAt(PhysAddr at, PhysRange pool) {
  const std::uint64_t size = AlignUp(NumPages(pool), kPmpoolWordSize * 8) / 8;
  const auto bitmap = PhysRange::FromStartSize(at, size);
  return bitmap.ok() && pool.Contains(bitmap.value()) ? std::optional(bitmap.value()) : std::nullopt;
}

bool IsMadeOfPages(PhysRange range) { return !range.empty() && range == range.RoundedIn(kPageSize); }

Result<std::uint64_t> Number(const FdtView& tree, FdtNode node, const char* name) {
  TRY(tree.OnlyProperty(node, name));
  TRY_ASSIGN(const auto value, tree.U64(node, name));
  return value ? Result<std::uint64_t>(*value) : Error{Errc::kMalformed, tree.WhereOf(node)};
}

// The same, of a whole number of pages.
Result<std::uint64_t> PageNumber(const FdtView& tree, FdtNode node, const char* name) {
  TRY_ASSIGN(const std::uint64_t value, Number(tree, node, name));
  return IsAligned(value, kPageSize) ? Result<std::uint64_t>(value)
                                     : Error{Errc::kMisaligned, tree.WhereOf(node, name)};
}

Status CheckPool(const Pmpool& pool) {
  if (!IsMadeOfPages(pool.pool)) {
    return Error{Errc::kMalformed, pool.pool.start().raw()};
  }
  const auto bitmap = BitmapAt(pool.bitmap.start(), pool.pool);
  if (!bitmap || *bitmap != pool.bitmap || !IsAligned(bitmap->start().raw(), kPageSize)) {
    return Error{Errc::kMalformed, pool.bitmap.start().raw()};
  }
  return kDone;
}

// Takes what lies between two runs, and the runs.
Status AddPages(const BlockSink& sink, PhysRange pool, std::uint64_t first, std::uint64_t end, KeptKind kind) {
  const PhysAddr start(pool.start().raw() + first * kPageSize);
  const PhysRange range = pool.From(start).UpTo(PhysAddr(pool.start().raw() + end * kPageSize));
  return range.empty() ? Status(kDone) : sink.Add({.range = range, .kind = kind});
}

}  // namespace

Result<std::optional<PhysRange>> FindPmpoolOption(std::string_view line) {
  const auto option = FindLastOption(line, kPmpoolOption);
  if (!option) {
    return std::optional<PhysRange>();
  }
  const Error malformed{Errc::kMalformed, option->offset};
  const std::size_t comma = option->value.find(',');
  if (comma == std::string_view::npos) {
    return malformed;
  }
  const std::string_view size_text(option->value.data() + comma + 1, option->value.size() - comma - 1);
  const auto base = ParseMemSize({option->value.data(), comma});
  const auto size = ParseMemSize(size_text);
  if (!base || !size) {
    return malformed;
  }
  const auto pool = PhysRange::FromStartSize(PhysAddr(*base), *size);
  if (!pool.ok() || !IsMadeOfPages(pool.value())) {
    return malformed;
  }
  return std::optional(pool.value());
}

Result<std::optional<Pmpool>> DecodePmpoolNode(const FdtView& tree) {
  const auto parent = tree.Child(tree.root(), kPmpoolParent);
  const auto node = parent ? tree.Child(*parent, kPmpoolNode) : std::nullopt;
  if (!node) {
    return std::optional<Pmpool>();
  }
  TRY(tree.OnlyChild(tree.root(), kPmpoolParent));
  TRY(tree.OnlyChild(*parent, kPmpoolNode));
  TRY(tree.OnlyProperty(*node, "compatible"));
  if (!tree.IsCompatible(*node, kPmpoolCompatible)) {
    return Error{Errc::kMalformed, tree.WhereOf(*node, "compatible")};
  }
  TRY_ASSIGN(const std::uint64_t base, PageNumber(tree, *node, kPmpoolBase));
  TRY_ASSIGN(const std::uint64_t size, PageNumber(tree, *node, kPmpoolSize));
  TRY_ASSIGN(const std::uint64_t bitmap, PageNumber(tree, *node, kPmpoolBitmap));
  const auto pool = PhysRange::FromStartSize(PhysAddr(base), size);
  if (!pool.ok()) {
    return Error{Errc::kOutOfBounds, tree.WhereOf(*node, kPmpoolBase)};
  }
  if (pool.value().empty()) {
    return Error{Errc::kMalformed, tree.WhereOf(*node, kPmpoolSize)};
  }
  const auto place = BitmapAt(PhysAddr(bitmap), pool.value());
  if (!place) {
    return Error{Errc::kMalformed, tree.WhereOf(*node, kPmpoolBitmap)};
  }
  return std::optional(Pmpool{pool.value(), *place});
}

std::optional<Pmpool> FindMarkedPmpool(PhysRange option, const MemoryMap& map) {
  if (!IsMadeOfPages(option) || map.FirstNot(option, [](MemType type) { return type == MemType::kReservedKern; })) {
    return std::nullopt;
  }
  const auto bitmap = BitmapAt(option.start(), option);
  return bitmap ? std::optional(Pmpool{option, *bitmap}) : std::nullopt;
}

Status DecodePmpool(const Pmpool& pool, const PhysMemory& memory, const BlockSink& sink) {
  TRY(CheckPool(pool));
  TRY_ASSIGN(const auto bytes, memory.View(pool.bitmap));

  // The posted code marks an eighth of the bitmap's pages, so all of them are in use whatever it says.
  const PhysRange own = pool.bitmap.RoundedOut(kPageSize);
  const std::uint64_t own_first = (own.start().raw() - pool.pool.start().raw()) / kPageSize;
  const std::uint64_t own_end = own_first + own.size() / kPageSize;
  BitRuns runs(bytes, NumPages(pool.pool));
  std::uint64_t done = 0;
  bool own_is_done = false;
  const auto take = [&](std::uint64_t first, std::uint64_t end) -> Status {
    TRY(AddPages(sink, pool.pool, done, std::max(done, first), KeptKind::kUncertain));
    TRY(AddPages(sink, pool.pool, std::max(done, first), std::max(done, end), KeptKind::kMemory));
    done = std::max(done, end);
    return kDone;
  };
  for (auto run = runs.Next(); run; run = runs.Next()) {
    if (!own_is_done && own_first <= run->first) {
      TRY(take(own_first, own_end));
      own_is_done = true;
    }
    TRY(take(run->first, run->first + run->count));
  }
  if (!own_is_done) {
    TRY(take(own_first, own_end));
  }
  return AddPages(sink, pool.pool, done, NumPages(pool.pool), KeptKind::kUncertain);
}

Status DecodePmpoolWhole(const Pmpool& pool, const PhysMemory& memory, const BlockSink& sink) {
  TRY(CheckPool(pool));
  TRY_ASSIGN([[maybe_unused]] const auto bytes, memory.View(pool.bitmap));
  return sink.Add({.range = pool.pool});
}

}  // namespace holdfast
