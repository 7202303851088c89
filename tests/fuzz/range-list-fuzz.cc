// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a range list: what decodes is sound, and encodes to the same bytes.

#include <algorithm>
#include <vector>

#include "common/format/range-list.h"
#include "tests/fuzz/fuzz-input.h"
#include "tests/support/arena-memory.h"

namespace holdfast {
namespace {

std::vector<BlockRun> SoundRuns(const std::vector<KeptBlock>& blocks) {
  std::vector<BlockRun> out;
  PhysAddr from;
  for (const KeptBlock& block : blocks) {
    fuzz::Check(block.kind == KeptKind::kMemory, "a run is memory");
    fuzz::Check(block.order >= KeptBlock::kNoOrder && block.order <= kMaxRunOrder, "an order exists");
    const std::uint64_t size = kPageSize << std::max<int>(block.order, 0);
    fuzz::Check(!block.range.empty() && block.range == block.range.RoundedIn(size), "a run is made of whole blocks");
    fuzz::Check(block.range.start() >= from, "runs ascend");
    from = block.range.end();
    out.push_back({.range = block.range, .order = block.order});
  }
  return out;
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const fuzz::AlignedInput input(data, size);
  test::BlockList list;
  if (!DecodeRangeList(input.bytes(), list.sink()).ok()) {
    return 0;
  }
  std::vector<std::byte> storage(size);
  const auto again = EncodeRangeList(SoundRuns(list.all()), storage);
  fuzz::Check(again.ok(), "what decodes can be encoded");
  fuzz::Check(std::equal(input.bytes().begin(), input.bytes().end(), again.value().begin(), again.value().end()),
              "to the same bytes");
  return 0;
}
