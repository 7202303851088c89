// SPDX-License-Identifier: BSD-2-Clause
// Options of the next kernel's command line that concern its place.

#include "common/plan/kernel-options.h"

#include <catch2/catch.hpp>

#include "tests/support/plan-fixtures.h"

namespace holdfast {
namespace {

TEST_CASE("nokaslr and mem= are heeded, and nothing that only looks like them", "[plan][kernel-options]") {
  struct Case {
    const char* line;
    bool kaslr;
    std::uint64_t limit;
  };
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 46;
  const auto c = GENERATE(
      Case{"", true, kLimit}, Case{"console=ttyS0 quiet", true, kLimit}, Case{"quiet nokaslr", false, kLimit},
      Case{"nokaslr2", true, kLimit}, Case{"-- nokaslr", true, kLimit}, Case{"mem=48M", true, 48 * kMiB},
      Case{"mem=0x1000000", true, 16 * kMiB}, Case{"mem=1P", true, kLimit}, Case{"mem=nopentium", true, kLimit},
      Case{"mem=", true, kLimit}, Case{"mem", true, kLimit}, Case{"mem=0", true, kLimit},
      Case{"mem=4G mem=2G", true, 2 * kGiB}, Case{"memmap=1M", true, kLimit}, Case{"mem=2G nokaslr", false, 2 * kGiB});
  INFO(c.line);
  const test::TestMap map(std::vector<MemEntry>{});
  test::TestKept kept(std::vector<test::Kept>{});
  test::TestSet scratch(std::vector<PhysRange>{});
  test::TestSet ram(std::vector<PhysRange>{});
  const Handover handover(kept.map(), scratch.set(), ram.set());
  BootInputs inputs{.memory = map.map(), .handover = handover, .kernel = {.limit = kLimit}};
  HeedKernelOptions(c.line, inputs);
  CHECK(inputs.kaslr == c.kaslr);
  CHECK(inputs.kernel.limit == c.limit);
}

}  // namespace
}  // namespace holdfast
