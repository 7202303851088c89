// SPDX-License-Identifier: BSD-2-Clause
// Where text goes.

#include "common/console/console.h"

#include <catch2/catch.hpp>

#include <array>
#include <string>

namespace holdfast {
namespace {

struct Device {
  std::string text;
  int writes_left = 1000;
};

bool Write(void* device, std::string_view text) {
  Device& to = *static_cast<Device*>(device);
  if (to.writes_left == 0) {
    return false;
  }
  --to.writes_left;
  to.text += text;
  return true;
}

TEST_CASE("Each sink gets each line, with its prefix and its end", "[console]") {
  Device first;
  Device second;
  Console console;
  console.AddSink({Write, &first});
  console.Line("one");
  console.AddSink({Write, &second});
  console.Line("two");
  CHECK(first.text == "holdfast: one\r\nholdfast: two\r\n");
  CHECK(second.text == "holdfast: two\r\n");
}

TEST_CASE("A sink that fails is dropped, and the others go on", "[console]") {
  const int good_writes = GENERATE(0, 1, 2);
  Device dying{"", good_writes};
  Device living;
  Console console;
  console.AddSink({Write, &dying});
  console.AddSink({Write, &living});
  console.Line("one");
  const std::string last_words = dying.text;
  dying.writes_left = 1000;
  console.Line("two");
  CHECK(dying.text == last_words);
  CHECK(living.text == "holdfast: one\r\nholdfast: two\r\n");
}

TEST_CASE("A sink without a function, or one too many, is ignored", "[console]") {
  std::array<Device, 6> devices;
  Console console;
  console.AddSink({});
  for (Device& device : devices) {
    console.AddSink({Write, &device});
  }
  console.Line("x");
  CHECK(devices[3].text == "holdfast: x\r\n");
  CHECK(devices[4].text.empty());
}

TEST_CASE("A console without sinks says nothing", "[console]") {
  Console console;
  console.Line("to nobody");
}

}  // namespace
}  // namespace holdfast
