// SPDX-License-Identifier: BSD-2-Clause
// The map of the series of patches before kho-v1: arrays of ranges, as properties `mem` of any node.
//
// The series of 2023 hand over a second array, the mem cache: all of these ranges, sorted and merged, which is what
// their receiver reserves.  Several nodes may then name one page.

#include "common/format/kho-series.h"
#include "common/abi/kho.h"

namespace holdfast {
namespace {

// What one element keeps; `where` is its place.
Result<PhysRange> KeptBy(const KhoArea& area, std::uint64_t where) {
  if (area.size.value() == 0) {
    return Error{Errc::kMalformed, where};
  }
  return PhysRange::FromStartSize(PhysAddr(area.addr.value() & ~kho_fdt::kMemNoInit), area.size.value());
}

// Gives every range of a `mem` to `visit`, with the byte offset of its element in the tree.
template <typename Visit>
Status ForEachMem(const FdtView& tree, Visit visit) {
  for (auto node = std::optional(tree.root()); node; node = tree.NextNode(*node)) {
    TRY(tree.OnlyProperty(*node, kho_fdt::kPropMem));
    const auto mem = tree.Property(*node, kho_fdt::kPropMem);
    if (!mem) {
      continue;
    }
    const std::uint64_t where = tree.WhereOf(*node, kho_fdt::kPropMem);
    if (mem->size() % sizeof(KhoArea) != 0) {
      return Error{Errc::kMalformed, where};
    }
    for (std::size_t i = 0; i < mem->size() / sizeof(KhoArea); ++i) {
      const std::uint64_t element = where + i * sizeof(KhoArea);
      TRY_ASSIGN(const PhysRange range, KeptBy(KhoAreaAt(*mem, i), element));
      TRY(visit(range, element));
    }
  }
  return kDone;
}

// The mem cache, once it is known to ascend.
class MemCache {
 public:
  // Pre: `bytes` are whole elements.
  explicit MemCache(std::span<const std::byte> bytes) : bytes_(bytes), size_(bytes.size() / sizeof(KhoArea)) {}

  // kMalformed (where: the element's address).
  Status GiveTo(KhoWalk& walk, PhysAddr at) const {
    PhysAddr end;
    for (std::size_t i = 0; i < size_; ++i) {
      const std::uint64_t where = at.raw() + i * sizeof(KhoArea);
      TRY_ASSIGN(const PhysRange range, KeptBy(KhoAreaAt(bytes_, i), where));
      if (range.start() < end) {
        return Error{Errc::kMalformed, where};
      }
      end = range.end();
      TRY(walk.AddRange(range));
    }
    return kDone;
  }

  // Pre: GiveTo() went well.
  bool Holds(PhysRange range) const {
    std::size_t first = 0;  // of those that end after its start
    for (std::size_t count = size_; count != 0;) {
      const std::size_t half = count / 2;
      if (At(first + half).end() <= range.start()) {
        first += half + 1;
        count -= half + 1;
      } else {
        count = half;
      }
    }
    // Merged ranges do not touch, but then nothing says that every sender's do not.
    for (PhysRange rest = range; first < size_ && At(first).Contains(rest.start()); ++first) {
      rest = rest.From(At(first).end());
      if (rest.empty()) {
        return true;
      }
    }
    return false;
  }

 private:
  PhysRange At(std::size_t i) const { return KeptBy(KhoAreaAt(bytes_, i), 0).value(); }

  std::span<const std::byte> bytes_;
  std::size_t size_;
};

}  // namespace

Status WalkKhoMem(KhoWalk& walk, const FdtView& tree) {
  return ForEachMem(tree, [&](PhysRange range, std::uint64_t) { return walk.AddRange(range); });
}

Status WalkKhoMemCache(KhoWalk& walk, const FdtView& tree, PhysRange mem_cache) {
  MemCache cache({});
  if (!mem_cache.empty()) {
    TRY(walk.AddStructure(mem_cache.RoundedOut(kPageSize)));
    TRY_ASSIGN(const auto bytes, walk.memory().View(mem_cache));
    cache = MemCache(bytes);
    TRY(cache.GiveTo(walk, mem_cache.start()));
  }
  return ForEachMem(tree, [&](PhysRange range, std::uint64_t where) -> Status {
    if (!cache.Holds(range)) {
      return Error{Errc::kMalformed, where};
    }
    return kDone;
  });
}

}  // namespace holdfast
