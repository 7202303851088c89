// SPDX-License-Identifier: BSD-2-Clause
// Pages for an encoder: a buffer that lies, or will lie, at a known physical address.
//
// The dialects are graphs of pages that name each other by address, so whoever writes one takes its pages here.

#pragma once

#include <cstddef>
#include <cstring>
#include <span>

#include "common/base/align.h"
#include "common/mem/phys-range.h"

namespace holdfast {

class PageArena {
 public:
  struct Page {
    PhysAddr at;
    std::byte* bytes = nullptr;  // kPageSize of them
  };

  // `bytes` lie at `range`, which is made of pages.  Pre: both are of one size, range.start() is a multiple of
  // kPageSize.
  PageArena(PhysRange range, std::span<std::byte> bytes) : range_(range), bytes_(bytes) {
    Require(range.size() == bytes.size() && range == range.RoundedIn(kPageSize));
  }

  // The next `count` pages, zeroed, one behind the other.  kTableFull (where: pages in the arena).
  Result<Page> Take(std::uint64_t count = 1) {
    if (count > (range_.size() - used_) / kPageSize) {
      return Error{Errc::kTableFull, range_.size() / kPageSize};
    }
    const Page page{PhysAddr(range_.start().raw() + used_), bytes_.data() + used_};
    std::memset(page.bytes, 0, static_cast<std::size_t>(count * kPageSize));
    used_ += count * kPageSize;
    return page;
  }
  std::uint64_t used() const { return used_; }  // bytes
  // What Take() has given so far.
  PhysRange used_range() const { return range_.UpTo(PhysAddr(range_.start().raw() + used_)); }

 private:
  PhysRange range_;
  std::span<std::byte> bytes_;
  std::uint64_t used_ = 0;
};

}  // namespace holdfast
