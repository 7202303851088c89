// SPDX-License-Identifier: BSD-2-Clause
// Any text as a command line: options come in order, and a handover's option reads the same when written again.

#include <cstdio>
#include <string>

#include "common/format/command-line.h"
#include "common/format/pkram.h"
#include "common/format/pmpool.h"
#include "common/format/prmem.h"
#include "tests/fuzz/fuzz-input.h"

namespace holdfast {
namespace {

std::string TextOf(const HandoverOption& option) {
  char numbers[64];
  std::snprintf(numbers, sizeof(numbers), "holdfast=0x%llx,%llu,",
                static_cast<unsigned long long>(option.range.start().raw()),
                static_cast<unsigned long long>(option.range.size()));
  std::string text = numbers;
  for (const std::byte byte : option.digest) {
    std::snprintf(numbers, sizeof(numbers), "%02x", std::to_integer<unsigned>(byte));
    text += numbers;
  }
  return text;
}

// What the other dialects' options lead to is made of pages below the limit.
void CheckForeignOptions(const std::string& line) {
  const auto is_page = [](PhysAddr at) { return IsAligned(at.raw(), kPageSize) && at < PhysAddr(kPhysLimit); };
  if (const auto pkram = FindPkramOption(line); pkram.ok() && pkram.value()) {
    fuzz::Check(is_page(*pkram.value()), "a super block has a page");
  }
  if (const auto pool = FindPmpoolOption(line); pool.ok() && pool.value()) {
    fuzz::Check(is_page(pool.value()->start()) && !pool.value()->empty(), "a pool has pages");
  }
  if (const auto prmem = FindPrmemOption(line); prmem.ok() && prmem.value()) {
    fuzz::Check(is_page(prmem.value()->metadata), "metadata has a page");
    fuzz::Check(prmem.value()->size % kPageSize == 0, "regions have pages");
  }
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const std::string line(reinterpret_cast<const char*>(data), size);
  CommandLineReader reader(line);
  std::size_t from = 0;
  for (auto option = reader.Next(); option; option = reader.Next()) {
    fuzz::Check(from <= option->offset && option->offset < size, "options stand in the line in order");
    fuzz::Check(option->name.size() + option->value.size() <= size - option->offset, "and are parts of it");
    from = option->offset + 1;
  }
  ParseMemSize(line);
  CheckForeignOptions(line);
  if (const auto console = FindSerialConsole(line)) {
    fuzz::Check(line.find("ttyS") != std::string::npos, "a serial console is one that the line names");
    fuzz::Check(console->baud == 0 || 115200 % console->baud == 0, "with a rate that its port can have");
  }
  FixedVector<HandoverOption, kMaxHandoverOptions> handovers;
  if (!FindHandoverOptions(line, handovers).ok()) {
    return 0;
  }
  for (const HandoverOption& handover : handovers) {
    FixedVector<HandoverOption, kMaxHandoverOptions> again;
    fuzz::Check(FindHandoverOptions(TextOf(handover), again).ok(), "what reads can be written");
    fuzz::Check(again.size() == 1 && again[0] == handover, "and reads the same");
  }
  return 0;
}
