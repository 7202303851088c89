// SPDX-License-Identifier: BSD-2-Clause
// The map of kho-v1: a list of pages ("chunks") that name bitmaps.
//
// A bitmap had 512 bytes until Linux 6.17 and has 4096 from 6.18 on, under one name.  What the larger size does not
// allow is a proof of the smaller one:
//
//   a start that is no multiple of the larger span      (128 MiB << order, and 16 MiB << order of the smaller)
//   a bitmap that does not begin at a page
//
// That two starts of one order are nearer than the larger span needs no rule of its own: one of them is then no
// multiple of it.  There is no proof of the larger size.  A bitmap is read only once its size is settled.

#include <optional>

#include "common/abi/kho.h"
#include "common/format/bit-runs.h"
#include "common/format/kho-page-list.h"
#include "common/format/kho-walk.h"

namespace holdfast {
namespace {

struct Chunk {
  StoredPage page;
  std::uint32_t order;
  std::uint32_t num_elements;

  std::size_t OffsetOf(std::uint32_t i) const { return sizeof(KhoChunkHeader) + i * sizeof(KhoChunkElement); }
};

constexpr std::uint64_t BytesOf(KhoBitmaps form) { return form == KhoBitmaps::k512 ? 512 : 4096; }
// log2 of the bytes that a bitmap covers.
constexpr int SpanShift(KhoBitmaps form, std::uint32_t order) {
  return 12 + static_cast<int>(order) + (form == KhoBitmaps::k512 ? 12 : 15);
}

Result<Chunk> ReadChunk(const StoredPage& page) {
  const auto header = page.Get<KhoChunkHeader>(0);
  if (header.order.value() > kMaxKhoOrder) {
    return Error{Errc::kMalformed, page.WhereOf(offsetof(KhoChunkHeader, order))};
  }
  if (header.num_elms.value() > kKhoChunkElements) {
    return Error{Errc::kMalformed, page.WhereOf(offsetof(KhoChunkHeader, num_elms))};
  }
  return Chunk{page, header.order.value(), header.num_elms.value()};
}

template <typename Visit>
Status ForEachChunk(const PhysMemory& memory, PhysAddr root, Visit visit) {
  return ForEachListPage(memory, root, kMaxKhoStructures, [&](const StoredPage& page) -> Status {
    TRY_ASSIGN(const Chunk chunk, ReadChunk(page));
    return visit(chunk);
  });
}

// Whether an element may stand in a map of bitmaps of that size; `where` is its address.
Status CheckElement(const KhoChunkElement& element, std::uint64_t where, std::uint32_t order, KhoBitmaps form) {
  const std::uint64_t start = element.phys_start.value();
  const std::uint64_t bitmap = element.bitmap.value();
  if (start >= kPhysLimit) {
    return Error{Errc::kOutOfBounds, start};
  }
  // A span of 2^52 bytes or more can only begin at 0.
  const int shift = SpanShift(form, order);
  if (shift < 52 ? !IsAligned(start, std::uint64_t{1} << shift) : start != 0) {
    return Error{Errc::kMalformed, where + offsetof(KhoChunkElement, phys_start)};
  }
  if (bitmap == 0) {
    return Error{Errc::kMalformed, where + offsetof(KhoChunkElement, bitmap)};
  }
  if (!IsAligned(bitmap, BytesOf(form))) {
    return Error{Errc::kMisaligned, bitmap};
  }
  return kDone;
}

// Checks a whole list before anything of it is believed.
class ListCheck {
 public:
  // `said`: what the caller says of the bitmaps.
  explicit ListCheck(KhoBitmaps said) : said_(said) {}

  Status Take(const Chunk& chunk) {
    if (chunk.order < order_) {
      return Error{Errc::kMalformed, chunk.page.WhereOf(offsetof(KhoChunkHeader, order))};
    }
    if (chunk.order > order_) {
      order_ = chunk.order;
      last_start_.reset();
    }
    for (std::uint32_t i = 0; i < chunk.num_elements; ++i) {
      TRY(TakeElement(chunk.page.Get<KhoChunkElement>(chunk.OffsetOf(i)), chunk.page.WhereOf(chunk.OffsetOf(i))));
    }
    return kDone;
  }
  // kUnknown: nothing tells.
  KhoBitmaps form() const { return said_ == KhoBitmaps::kUnknown && has_proof_ ? KhoBitmaps::k512 : said_; }

 private:
  Status TakeElement(const KhoChunkElement& element, std::uint64_t where) {
    const bool is_open = said_ == KhoBitmaps::kUnknown;
    TRY(CheckElement(element, where, order_, is_open ? KhoBitmaps::k512 : said_));
    if (last_start_ && element.phys_start.value() <= *last_start_) {
      return Error{Errc::kMalformed, where + offsetof(KhoChunkElement, phys_start)};
    }
    last_start_ = element.phys_start.value();
    has_proof_ = has_proof_ || !CheckElement(element, where, order_, KhoBitmaps::k4096).ok();
    return kDone;
  }

  KhoBitmaps said_;
  bool has_proof_ = false;
  std::uint32_t order_ = 0;
  std::optional<std::uint64_t> last_start_;
};

Status AddElement(KhoWalk& walk, const KhoChunkElement& element, std::uint32_t order) {
  const KhoBitmaps form = walk.facts().bitmaps;
  const std::uint64_t start = element.phys_start.value();
  TRY_ASSIGN(const PhysRange bitmap, PhysRange::FromStartSize(PhysAddr(element.bitmap.value()), BytesOf(form)));
  TRY(walk.AddMapPart(bitmap));
  if (form == KhoBitmaps::kUnknown) {
    const int shift = SpanShift(form, order);
    const std::uint64_t room = kPhysLimit - start;
    const std::uint64_t size = shift < 52 ? std::min(room, std::uint64_t{1} << shift) : room;
    TRY_ASSIGN(const PhysRange span, PhysRange::FromStartSize(PhysAddr(start), size));
    return walk.AddUncertain(span);
  }
  TRY_ASSIGN(const auto bytes, walk.memory().View(bitmap));
  const std::uint64_t first = start >> (12 + order);
  BitRuns runs(bytes, bytes.size() * 8);
  while (const auto run = runs.Next()) {
    TRY(walk.AddBlocks(static_cast<int>(order), first + run->first, run->count));
  }
  return kDone;
}

}  // namespace

Status WalkKhoBitmaps(KhoWalk& walk, PhysAddr root, KhoBitmaps form) {
  // That the list ends comes first, or a cycle would look like orders that descend.
  TRY(ForEachListPage(walk.memory(), root, kMaxKhoStructures, [](const StoredPage&) -> Status { return kDone; }));
  ListCheck check(form);
  TRY(ForEachChunk(walk.memory(), root, [&](const Chunk& chunk) { return check.Take(chunk); }));
  walk.facts().bitmaps = check.form();

  return ForEachChunk(walk.memory(), root, [&](const Chunk& chunk) -> Status {
    TRY(walk.AddMapPart(chunk.page.range()));
    for (std::uint32_t i = 0; i < chunk.num_elements; ++i) {
      TRY(AddElement(walk, chunk.page.Get<KhoChunkElement>(chunk.OffsetOf(i)), chunk.order));
    }
    return kDone;
  });
}

}  // namespace holdfast
