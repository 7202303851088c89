// SPDX-License-Identifier: BSD-2-Clause
// A sink that notes every block.

#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "common/mem/kept-block.h"

namespace holdfast::test {

class BlockList {
 public:
  // Takes no more than `room` blocks: kTableFull (where: room).
  explicit BlockList(std::size_t room = std::numeric_limits<std::size_t>::max()) : room_(room) {}
  BlockList(const BlockList&) = delete;
  BlockList& operator=(const BlockList&) = delete;

  BlockSink sink() { return BlockSink(&Add, this); }
  const std::vector<KeptBlock>& blocks() const { return blocks_; }

 private:
  static Status Add(void* self, const KeptBlock& block) {
    auto& list = *static_cast<BlockList*>(self);
    if (list.blocks_.size() == list.room_) {
      return Error{Errc::kTableFull, list.room_};
    }
    list.blocks_.push_back(block);
    return kDone;
  }

  std::size_t room_;
  std::vector<KeptBlock> blocks_;
};

}  // namespace holdfast::test
