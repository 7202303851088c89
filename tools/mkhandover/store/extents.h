// SPDX-License-Identifier: BSD-2-Clause
// What extents name, read and verified.

#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tools/mkhandover/store/snapshot.h"

namespace holdfast::tool {

// Verified and decoded bytes of an extent.  Errors (where: offset in the object): kContentsLost: they are not what the
// digest says; kUnreadable: the kernel has put a page of them aside for memory failure.  `buffer` is used where they
// have to be decoded.
Result<std::span<const std::byte>> ReadExtent(const StoreSnapshot& kept, const StoreExtent& extent,
                                              std::vector<std::byte>& buffer);
// The parts of an extent that can be read by themselves: one without a digest may be as large as the file, and a page
// that is lost is to take no other one along.
void ForEachBlock(const StoreSnapshot& kept, const StoreExtent& extent,
                  const std::function<void(const StoreExtent&)>& take);

// What went wrong with one object, first: ReadExtent()'s error.
struct LostObject {
  std::string path;
  Error error;
};
// "contents-lost: NODE: PATH from offset N on ..."
std::string DescribeLost(const KeptNode& node, const LostObject& lost);

}  // namespace holdfast::tool
