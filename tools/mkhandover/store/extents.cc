// SPDX-License-Identifier: BSD-2-Clause
// What extents name, read and verified.

#include "tools/mkhandover/store/extents.h"

#include <algorithm>
#include <memory>

#include "common/codec/zstd.h"
#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {

void ForEachBlock(const StoreSnapshot& kept, const StoreExtent& extent,
                  const std::function<void(const StoreExtent&)>& take) {
  if (extent.digest || extent.encoding != StoreEncoding::kPlain) {
    return take(extent);
  }
  const std::uint64_t limit = std::min(kMaxStoreBlock, kept.model().files.at(extent.file).page_size());
  StoreExtent block = extent;
  for (std::uint64_t left = extent.size; left != 0; left -= block.size) {
    block.offset = extent.offset + (extent.size - left);
    block.file_offset = extent.file_offset + (extent.size - left);
    block.size = block.stored_size = std::min(limit - block.file_offset % limit, left);
    take(block);
  }
}

std::string DescribeLost(const KeptNode& node, const LostObject& lost) {
  return Format("{}: {}: {} from offset {} on {}", ErrcName(Errc::kContentsLost), node.name, Printable(lost.path),
                lost.error.where,
                lost.error.code == Errc::kUnreadable ? "is gone: the kernel put that page aside for memory failure"
                                                     : "is not what its digest says");
}

Result<std::span<const std::byte>> ReadExtent(const StoreSnapshot& kept, const StoreExtent& extent,
                                              std::vector<std::byte>& buffer) {
  const auto read = kept.Read(extent.file, extent.file_offset, extent.stored_size);
  if (!read.ok()) {
    return Error{read.error().code, extent.offset};
  }
  const auto stored = read.value();
  const Error lost{Errc::kContentsLost, extent.offset};
  if (extent.digest && DigestOf(stored) != *extent.digest) {
    return lost;
  }
  if (extent.encoding == StoreEncoding::kPlain) {
    return stored;
  }
  buffer.resize(static_cast<std::size_t>(extent.size));
  const auto workspace = std::make_unique<ZstdWorkspace>();
  const auto size = DecodeZstd(stored, buffer, *workspace);
  if (!size.ok() || size.value() != extent.size) {
    return lost;
  }
  return std::span<const std::byte>(buffer);
}

}  // namespace holdfast::tool
