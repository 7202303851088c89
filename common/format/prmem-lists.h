// SPDX-License-Identifier: BSD-2-Clause
// prmem's lists: circles of records that name each other by virtual addresses of the sender.

#pragma once

#include <optional>

#include "common/abi/prmem.h"
#include "common/mem/phys-read.h"

namespace holdfast {

// The sender's direct map.
class DirectMap {
 public:
  constexpr explicit DirectMap(std::uint64_t base) : base_(base) {}

  constexpr std::uint64_t base() const { return base_; }
  // nullopt: not in it.
  constexpr std::optional<PhysAddr> ToPhysical(std::uint64_t address) const {
    const bool is_in = address >= base_ && address - base_ < kPhysLimit;
    return is_in ? std::optional(PhysAddr(address - base_)) : std::nullopt;
  }
  constexpr std::uint64_t ToVirtual(PhysAddr at) const { return base_ + at.raw(); }

 private:
  std::uint64_t base_;
};

// Walks one list from its head to its head.  Each record must name the one before it, so none is met twice.
class PrmemList {
 public:
  PrmemList(const PhysMemory& memory, DirectMap map, PhysAddr head) : memory_(memory), map_(map), head_(head) {}

  // Where the next record is; nullopt after the last.
  // kMalformed (where: the links that lead out of the direct map, or do not lead back); kOutOfBounds, kUnreadable
  // (where: the address).
  Result<std::optional<PhysAddr>> Next() {
    if (!started_) {
      TRY(Start());
    }
    const auto next = map_.ToPhysical(next_);
    if (!next) {
      return Error{Errc::kMalformed, last_.raw()};
    }
    if (*next == head_) {
      return prev_of_head_ == map_.ToVirtual(last_) ? Result<std::optional<PhysAddr>>(std::optional<PhysAddr>())
                                                    : Error{Errc::kMalformed, head_.raw()};
    }
    TRY_ASSIGN(const PrmemListHead links, ReadAt<PrmemListHead>(memory_, *next));
    if (links.prev.value() != map_.ToVirtual(last_)) {
      return Error{Errc::kMalformed, next->raw()};
    }
    last_ = *next;
    next_ = links.next.value();
    return next;
  }

 private:
  Status Start() {
    TRY_ASSIGN(const PrmemListHead links, ReadAt<PrmemListHead>(memory_, head_));
    started_ = true;
    last_ = head_;
    next_ = links.next.value();
    prev_of_head_ = links.prev.value();
    return kDone;
  }

  const PhysMemory& memory_;
  DirectMap map_;
  PhysAddr head_;
  bool started_ = false;
  PhysAddr last_;
  std::uint64_t next_ = 0;
  std::uint64_t prev_of_head_ = 0;
};

}  // namespace holdfast
