// SPDX-License-Identifier: BSD-2-Clause
// Where a walk gives what it finds, one item at a time.

#pragma once

#include "common/base/result.h"

namespace holdfast {

// What an item refers to stays where it was read.  An error ends the walk: it is the walk's result.
template <typename T>
class Sink {
 public:
  using AddFn = Status (*)(void* context, const T& item);

  constexpr Sink(AddFn add, void* context) : add_(add), context_(context) {}
  Status Add(const T& item) const { return add_(context_, item); }

 private:
  AddFn add_;
  void* context_;
};

}  // namespace holdfast
