// SPDX-License-Identifier: BSD-2-Clause
// Where text goes.

#include "common/console/console.h"

namespace holdfast {

void Console::AddSink(ConsoleSink sink) {
  if (sink.write != nullptr && sinks_.size() < sinks_.capacity()) {
    Require(sinks_.Append(sink).ok());
  }
}

void Console::Line(std::string_view text) {
  for (std::size_t i = 0; i < sinks_.size();) {
    const ConsoleSink sink = sinks_[i];
    if (sink.write(sink.device, "holdfast: ") && sink.write(sink.device, text) && sink.write(sink.device, "\r\n")) {
      ++i;
    } else {
      sinks_.Erase(i, i + 1);
    }
  }
}

}  // namespace holdfast
