// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as pmpool's device tree, and any pages as its bitmap, judged bit by bit.

#include "common/format/pmpool.h"

#include "tests/fuzz/page-memory.h"

namespace holdfast {
namespace {

constexpr std::uint64_t kMaxPages = 4096;
constexpr std::size_t kMaxBlocks = kMaxPages;

void CheckNode(const std::uint8_t* data, std::size_t size) {
  const fuzz::AlignedInput input(data, size);
  const auto tree = FdtView::Open(input.bytes());
  const auto pool = tree.ok() ? DecodePmpoolNode(tree.value()) : Result<std::optional<Pmpool>>(tree.error());
  if (!pool.ok() || !pool.value()) {
    return;
  }
  fuzz::Check(pool.value()->pool.Contains(pool.value()->bitmap), "a bitmap lies in its pool");
  fuzz::Check(!pool.value()->bitmap.empty(), "a pool has a bitmap");
  std::vector<std::uint64_t> storage(64);
  const auto again = EncodePmpoolNode(*pool.value(), std::as_writable_bytes(std::span(storage)));
  fuzz::Check(again.ok(), "what was read can be written");
  fuzz::Check(DecodePmpoolNode(FdtView::Open(again.value()).value()).value() == pool.value(), "and read again");
}

// Header: pages of the pool (3 bytes), page of the bitmap.
void CheckBitmap(fuzz::PageMemory& input) {
  const std::uint64_t pages = input.header_word(1) % kMaxPages + 1;
  const PhysAddr start(fuzz::PageMemory::kStart);
  const PhysAddr at = fuzz::PageMemory::PageAt(input.header()[4]);
  Pmpool pool;
  pool.pool = PhysRange::FromStartSize(start, pages * kPageSize).value();
  pool.bitmap = PhysRange::FromStartSize(at, AlignUp(pages, 64) / 8).value();
  static std::vector<KeptRange> storage(kMaxBlocks);
  PreservedMap kept{std::span(storage)};
  fuzz::BlockCheck blocks(kept);
  if (!DecodePmpool(pool, input.memory(), blocks.sink()).ok()) {
    return;
  }
  const auto bits = input.bytes().subspan(static_cast<std::size_t>(at.raw() - start.raw()));
  const PhysRange own = pool.bitmap.RoundedOut(kPageSize);
  PhysAddr from = start;
  for (const KeptRange& block : kept.view()) {
    fuzz::Check(block.range.start() == from, "blocks follow each other");
    from = block.range.end();
    for (std::uint64_t page = block.range.start().raw(); page < from.raw(); page += kPageSize) {
      const std::uint64_t bit = (page - start.raw()) / kPageSize;
      const bool is_set = (static_cast<unsigned>(bits[bit / 8]) >> (bit % 8) & 1) != 0;
      const bool in_use = is_set || own.Contains(PhysAddr(page));
      fuzz::Check(in_use == (block.kind == KeptKind::kMemory), "a page in use is told from one that is not");
    }
  }
  fuzz::Check(from == pool.pool.end(), "every page of the pool is given");
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  if (size != 0 && data[0] % 2 == 1) {
    CheckNode(data + 1, size - 1);
  } else {
    fuzz::PageMemory input(data, size);
    CheckBitmap(input);
  }
  return 0;
}
