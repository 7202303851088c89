// SPDX-License-Identifier: BSD-2-Clause
#include "common/plan/plan-report.h"

#include "tests/support/plan-fixtures.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

using test::TestKept;
using test::TestMap;
using test::TestSet;

TEST_CASE("A report says of a plan what was kept, where the kernel is, and what the map became",
          "[plan][plan-report]") {
  const TestMap before({{R(0x100000, 0x8000000), MemType::kUsable}});
  TestKept kept({{.range = R(0x4000000, 0x4200000)}});
  TestSet none({});
  TestSet scratch({R(0x5000000, 0x6000000)});
  Handover handover(kept.map(), none.set(), none.set());
  handover.dialect.Add("kho-v4");
  handover.generation = 6;
  std::vector<MemEntry> map_storage(16);
  std::vector<PhysRange> avoid_storage(16);
  BootPlan plan(map_storage, avoid_storage);
  const KernelFacts kernel{.size = 4 * kMiB, .alignment = 2 * kMiB, .min_address = 16 * kMiB, .limit = kPhysLimit};
  REQUIRE(MakeBootPlan({.memory = before.map(), .handover = handover, .kernel = kernel}, plan).ok());

  FoundHandovers found;
  const BootReport report = ReportPlan(plan, handover, found, before.map(), scratch.set());
  CHECK(!report.version.empty());
  CHECK(report.dialect == "kho-v4");
  CHECK(report.generation == 7);
  REQUIRE(report.kept.size() == 1);
  CHECK(report.kept[0].range == R(0x4000000, 0x4200000));
  CHECK(report.mode == "fence");
  CHECK(report.entry == "vmlinux");
  CHECK(report.map_before.size() == 1);
  CHECK(report.map_after.size() == 3);
  REQUIRE(report.scratch.size() == 1);
  CHECK(report.scratch[0] == R(0x5000000, 0x6000000));
  CHECK(report.kernel == plan.slot.range);
  CHECK(report.slot_count == plan.slot.count);
  CHECK(report.slot_count > 1);
  CHECK(!report.handover_address.has_value());
}

}  // namespace
}  // namespace holdfast
