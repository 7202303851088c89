// SPDX-License-Identifier: BSD-2-Clause
// Where text goes.
//
// A sink is one function and its context, so that it needs no vtable, no
// allocation and no constructor, and a test can be one too.  A sink that fails is
// dropped: a dead device never stops a boot.

#pragma once

#include <string_view>

#include "common/base/bounded-vector.h"

namespace holdfast {

struct ConsoleSink {
  // Returns false when the device is gone; the console then stops using it.
  bool (*write)(void* device, std::string_view text) = nullptr;
  void* device = nullptr;
};

class Console {
 public:
  // Beyond the capacity a sink is ignored: one console more or less changes no boot.
  void AddSink(ConsoleSink sink);
  // Writes "holdfast: ", the text and a line end ("\r\n") to every sink.
  void Line(std::string_view text);

 private:
  FixedVector<ConsoleSink, 4> sinks_;
};

}  // namespace holdfast
