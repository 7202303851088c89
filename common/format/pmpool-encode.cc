// SPDX-License-Identifier: BSD-2-Clause
// pmpool, the other way round.

#include <algorithm>

#include "common/abi/pmpool.h"
#include "common/format/pmpool.h"

namespace holdfast {

Status EncodePmpoolBitmap(const Pmpool& pool, std::span<const KeptBlock> blocks, std::span<std::byte> bytes) {
  Require(pool.pool.Contains(pool.bitmap) && bytes.size() == pool.pool.size());
  const auto bitmap = bytes.subspan(static_cast<std::size_t>(pool.bitmap.start().raw() - pool.pool.start().raw()),
                                    static_cast<std::size_t>(pool.bitmap.size()));
  std::fill(bitmap.begin(), bitmap.end(), std::byte{0});
  const auto mark = [&](PhysRange range) {
    const PhysRange pages = range.RoundedOut(kPageSize);
    for (std::uint64_t at = pages.start().raw(); at < pages.end().raw(); at += kPageSize) {
      const std::uint64_t bit = (at - pool.pool.start().raw()) / kPageSize;
      bitmap[bit / 8] |= static_cast<std::byte>(1 << bit % 8);
    }
  };
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (!pool.pool.Contains(blocks[i].range)) {
      return Error{Errc::kMalformed, i};
    }
    mark(blocks[i].range);
  }
  mark(pool.bitmap);
  return kDone;
}

Result<std::span<const std::byte>> EncodePmpoolNode(const Pmpool& pool, std::span<std::byte> storage) {
  FdtWriter tree(storage);
  tree.BeginNode("");
  tree.BeginNode(kPmpoolParent);
  tree.BeginNode(kPmpoolNode);
  tree.String("compatible", kPmpoolCompatible);
  tree.U64(kPmpoolBitmap, pool.bitmap.start().raw());
  tree.U64(kPmpoolSize, pool.pool.size());
  tree.U64(kPmpoolBase, pool.pool.start().raw());
  tree.EndNode();
  tree.EndNode();
  tree.EndNode();
  return tree.Finish();
}

}  // namespace holdfast
