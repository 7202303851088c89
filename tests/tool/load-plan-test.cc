// SPDX-License-Identifier: BSD-2-Clause
// What is about to be loaded, and where it would go.

#include "tools/mkhandover/load-plan.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "common/base/align.h"
#include "common/format/boot-report.h"
#include "tests/tool/fake-kernel.h"
#include "tests/tool/fake-machine.h"
#include "tests/tool/fake-stage.h"
#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/draft.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

PhysRange Range(std::uint64_t start, std::uint64_t end) {
  return PhysRange::FromStartEnd(PhysAddr(start), PhysAddr(end)).value();
}

Bytes HandoverOf(std::initializer_list<PhysRange> ranges) {
  Draft draft;
  for (const PhysRange& range : ranges) {
    draft.AddNamed({.range = range, .name = "guest", .owner = {}});
  }
  draft.Finish();
  return draft.Encode();
}

constexpr const char* kUnknown =
    "mkhandover: warning: a handover that holdfast= names cannot be read, so nothing is placed with regard to what it "
    "keeps: give --handover FILE\n";

// A machine with 2 GiB, a stage and a kernel.
class Bench {
 public:
  Bench() {
    options.stage = Write("stage", FakeStage());
    options.kernel = Write("kernel", FakeKernel(PayloadCodec::kZstd, FakeVmlinux()));
    options.cmdline = "console=ttyS0";
    options.root = machine.root().string();
  }
  std::string Write(const char* name, const Bytes& bytes) const {
    const std::string path = (folder_.path() / name).string();
    WriteFile(path, bytes);
    return path;
  }
  std::string warnings() const { return err_.str(); }
  Output& output() { return output_; }

  FakeMachine machine;
  LoadOptions options;

 private:
  ScratchFolder folder_;
  std::ostringstream out_;
  std::ostringstream err_;
  Output output_{out_, err_, {}, {}};
};

BootParams ParamsOf(const KexecSegment& segment) {
  BootParams params;
  std::memcpy(&params, segment.bytes.data(), sizeof(params));
  return params;
}

TEST_CASE("Three segments tell the stage where the others are", "[tool][load-plan]") {
  Bench bench;
  LoadPlan plan(bench.options, bench.output());
  REQUIRE(plan.Plan(nullptr).ok());
  CHECK_FALSE(plan.keeps());
  const auto segments = plan.Segments();
  REQUIRE(segments.size() == 3);
  const KexecSegment& stage = segments[0];
  const KexecSegment& bundle = segments[1];
  const KexecSegment& params = segments[2];
  CHECK(stage.range.size() == plan.stage().init_size());
  Bytes image(kStageHeaderSize);
  image.insert(image.end(), stage.bytes.begin(), stage.bytes.end());
  CHECK(RecordOf(image).boot_params.value() == params.range.start().raw());
  CHECK(bundle.bytes == plan.bundle().bytes);
  CHECK(bundle.range.size() == AlignUp(bundle.bytes.size(), kPageSize));
  CHECK(params.bytes.size() == params.range.size());
  const BootParams read = ParamsOf(params);
  CHECK(read.hdr.ramdisk_image.value() == bundle.range.start().raw());
  CHECK(read.hdr.ramdisk_size.value() == bundle.bytes.size());
  CHECK(read.hdr.cmd_line_ptr.value() == params.range.start().raw() + 0x1000);
}

TEST_CASE("No segment touches kept memory, holes, the first MiB or firmware's memory", "[tool][load-plan]") {
  Bench bench;
  bench.machine.AddEfi();  // twelve ranges from 0x7d000000 on, inside RAM
  const std::vector<PhysRange> kept = {Range(0x7f900000, 0x80000000), Range(0x7f000000, 0x7f001000),
                                       Range(0x200000, 0x3000000)};
  bench.options.handover.file = bench.Write("handover", HandoverOf({kept[0], kept[1], kept[2]}));
  LoadPlan plan(bench.options, bench.output());
  REQUIRE(plan.Plan(nullptr).ok());
  CHECK(plan.keeps());
  const auto segments = plan.Segments();
  for (const KexecSegment& segment : segments) {
    CAPTURE(segment.range.start().raw(), segment.range.end().raw());
    CHECK(segment.range.start().raw() >= kMiB);
    CHECK(segment.range.end().raw() <= 0x80000000);
    for (const PhysRange& range : kept) {
      CHECK(segment.range.Intersection(range).empty());
    }
    for (std::uint64_t i = 0; i < 12; ++i) {
      CHECK(segment.range.Intersection(Range(0x7d000000 + i * 0x10000, 0x7d010000 + i * 0x10000)).empty());
    }
    for (const KexecSegment& other : segments) {
      CHECK((&segment == &other || segment.range.Intersection(other.range).empty()));
    }
  }
  CHECK(plan.bundle().entry == KernelEntry::kVmlinux);
  CHECK(bench.warnings().empty());
}

TEST_CASE("What is loaded is planned again where it lies", "[tool][load-plan]") {
  Bench bench;
  bench.options.handover.file = bench.Write("handover", HandoverOf({Range(0x10000000, 0x18000000)}));
  LoadPlan plan(bench.options, bench.output());
  REQUIRE(plan.Plan(nullptr).ok());
  const LoadPlaces places = plan.places();
  CHECK(plan.Plan(&places).ok());
  SECTION("memory has gone") {
    bench.machine.AddMemory(places.bundle.start().raw(), places.bundle.end().raw() - 1, "Reserved");
    const Planned& again = plan.Plan(&places);
    REQUIRE_FALSE(again.ok());
    CHECK(again.problems()[0].code == Errc::kNotRam);
    CHECK(again.problems()[0].what == "bundle");
  }
  SECTION("the handover is another one") {
    bench.Write("handover", HandoverOf({Range(0x10000000, 0x18000000), Range(0x20000000, 0x20001000)}));
    CHECK_THROWS_WITH(plan.Plan(&places),
                      Catch::EndsWith("was changed while it was put into the bundle: run this again"));
  }
  SECTION("the handover is gone") {
    std::filesystem::remove(bench.options.handover.file);
    CHECK_THROWS_AS(plan.Plan(&places), Failure);
  }
}

TEST_CASE("The handover that this boot was given is kept clear of", "[tool][load-plan]") {
  Bench bench;
  const PhysRange kept = Range(0x7f800000, 0x80000000);
  const Bytes tree = HandoverOf({kept});
  BootReport report;
  report.version = "0.1.0";
  report.mode = "fence";
  report.handover = tree;
  Bytes storage(1 << 16);
  const auto encoded = EncodeBootReport(report, storage);
  REQUIRE(encoded.ok());
  const std::string left(AsText(encoded.value()));
  if (GENERATE(true, false)) {
    bench.machine.Write("sys/kernel/boot_params/setup_data/0/type", "0x48464454\n");
    bench.machine.Write("sys/kernel/boot_params/setup_data/0/data", left);
  } else {  // by firmware, behind four bytes of attributes
    bench.machine.AddEfi();
    bench.machine.Write("sys/firmware/efi/efivars/HoldfastReport-8c2a3d50-5b0e-4f64-9d0c-6f1f2b7d4ae1",
                        std::string("\6\0\0\0", 4) + left);
  }
  const auto option = [](const Digest& digest) { return "holdfast=0x1000,64," + HexDigits(digest); };
  SECTION("when its digest says so") {
    bench.machine.Write("proc/cmdline", option(DigestOf(tree)) + " quiet\n");
    bench.options.cmdline.clear();
    bench.options.reuse_cmdline = true;
    LoadPlan plan(bench.options, bench.output());
    REQUIRE(plan.Plan(nullptr).ok());
    CHECK(plan.keeps());
    CHECK(plan.cmdline() == option(DigestOf(tree)) + " quiet");
    CHECK(plan.places().stage.end() <= kept.start());
    CHECK(bench.warnings().empty());
    // The stage finds it where it is; the bundle does not have it.
    Bundle bundle;
    ReadBundle(plan.bundle().bytes, "bundle", bundle);
    CHECK_FALSE(bundle.Find(BundlePartKind::kHandover));
  }
  SECTION("but not another one") {
    bench.options.cmdline = option(Digest{});
    LoadPlan plan(bench.options, bench.output());
    REQUIRE(plan.Plan(nullptr).ok());
    CHECK_FALSE(plan.keeps());
    CHECK(bench.warnings() == kUnknown);
  }
}

TEST_CASE("An option beside a file names the same handover, or one that is not known", "[tool][load-plan]") {
  Bench bench;
  const Bytes tree = HandoverOf({Range(0x10000000, 0x18000000)});
  bench.options.handover.file = bench.Write("handover", tree);
  SECTION("the same") {
    bench.options.cmdline = Format("holdfast=0x1000,{},{}", tree.size(), HexDigits(DigestOf(tree)));
    LoadPlan plan(bench.options, bench.output());
    CHECK(bench.warnings().empty());
  }
  SECTION("another") {
    bench.options.cmdline = Format("holdfast=0x1000,{},{}", tree.size(), HexDigits(Digest{}));
    LoadPlan plan(bench.options, bench.output());
    CHECK(bench.warnings() == kUnknown);
  }
}

TEST_CASE("A confidential guest is refused before its memory is at stake", "[tool][load-plan]") {
  Bench bench;
  bench.machine.Write("proc/cpuinfo", "flags\t\t: hypervisor tdx_guest\n");
  LoadPlan plan(bench.options, bench.output());
  const Planned& planned = plan.Plan(nullptr);
  REQUIRE_FALSE(planned.ok());
  CHECK(planned.problems()[0].code == Errc::kUnsupported);
  CHECK_FALSE(plan.has_loaded_kernel());
  bench.machine.Write("sys/kernel/kexec_loaded", "1\n");
  CHECK_FALSE(plan.Plan(nullptr).ok());
  CHECK(plan.has_loaded_kernel());
}

TEST_CASE("A kernel without 5-level paging is not started in it", "[tool][load-plan]") {
  Bench bench;
  Bytes kernel = FakeKernel(PayloadCodec::kZstd, FakeVmlinux());
  kernel[0x236] = std::byte{3};
  bench.options.kernel = bench.Write("old", kernel);
  bench.machine.Write("proc/cpuinfo", "flags\t\t: fpu la57\n");
  LoadPlan plan(bench.options, bench.output());
  const Planned& planned = plan.Plan(nullptr);
  REQUIRE_FALSE(planned.ok());
  CHECK(planned.problems()[0].code == Errc::kUnsupported);
}

TEST_CASE("A handover's own pages are among what it keeps", "[tool][load-plan]") {
  const HandoverFile handover(HandoverOf({Range(0x40000000, 0x40200000), Range(0x40200000, 0x40400000)}), "h");
  const PhysRange both[] = {Range(0x40000000, 0x40400000)};
  CHECK_NOTHROW(CheckOwnPages(both, handover));
  const PhysRange moved[] = {Range(0x40200000, 0x40600000)};
  CHECK_THROWS_WITH(CheckOwnPages(moved, handover),
                    "h: its page [0x40400000, 0x40600000) is not among what it keeps: make the handover again");
}

TEST_CASE("A bundle goes with a stage that has none", "[tool][load-plan]") {
  Bench bench;
  bench.options.stage = bench.Write("full", StageFile(FakeStage(), "stage").WithBundle(Bytes(10)));
  CHECK_THROWS_WITH(LoadPlan(bench.options, bench.output()),
                    Catch::EndsWith("has a bundle already: load it with kexec -l"));
}

}  // namespace
}  // namespace holdfast::tool
