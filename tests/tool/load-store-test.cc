// SPDX-License-Identifier: BSD-2-Clause
// A store that is handed over by `load`: asked again before the jump, and recorded for whoever loads it once more.

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "tests/tool/fake-kernel.h"
#include "tests/tool/fake-machine.h"
#include "tests/tool/fake-stage.h"
#include "tests/tool/store-world.h"
#include "tools/mkhandover/handover-source.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/load-command.h"
#include "tools/mkhandover/load-record.h"

namespace holdfast::tool {
namespace {

constexpr const char* kRecord = "run/holdfast/load.json";

// A store with a file of its own and one that it describes, on a machine that has RAM wherever these lie.
class Bench {
 public:
  Bench() {
    machine.AddMemory(0x100000000, 0x4ffffffffffff, "System RAM");
    vm = (world.huge() / "vm").string();
    MakeVm(4 * kPage, "first");
    world.Keep("copied", {world.Write("copied", std::string(3 * kPage, 'c'))});
    world.Keep("vm", {vm});
    options.stage = Put("stage", FakeStage());
    options.kernel = Put("kernel", FakeKernel(PayloadCodec::kZstd, FakeVmlinux()));
    options.initrds = {Put("initrd", Bytes(5000, std::byte{7}))};
    options.cmdline = "console=ttyS0";
    options.via = "segments";
    options.root = machine.root().string();
    options.with_store = true;
    options.store = world.choice();
  }

  std::string Put(const std::string& name, const Bytes& bytes) const {
    return world.Write(name, std::string(AsText(bytes)));
  }
  // Another file has other pages.
  void MakeVm(std::size_t size, const std::string& name) const {
    std::filesystem::rename(world.Write(name, std::string(size, 'v')), vm);
  }
  // Where the folder of files has its first page.
  std::uint64_t StartOfVm() const {
    return MakePlainSource(world.huge().string(), kPage)->RunsOf(vm).front().start().raw();
  }
  std::string TextOfRecord() const { return TextOf(machine.root() / kRecord); }
  std::string ReadFailure() const {
    return FailureOf([this] { ReadLoadRecord(options.root); });
  }
  std::string Line(const std::string& what) const {
    return Format("6: {}: {}: load with --store once more", (machine.root() / kRecord).string(), what);
  }

  FakeMachine machine;
  World world;
  std::string vm;
  LoadOptions options;
};

std::vector<std::string> NamesIn(const std::filesystem::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    out.push_back(entry.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST_CASE("load makes the handover of a store and puts it into the bundle", "[tool][load-store]") {
  Bench bench;
  LoadPlan plan(bench.options, bench.world.output());
  REQUIRE(plan.Plan(nullptr).ok());
  std::vector<std::string> names;
  for (const KeptPiece& piece : plan.handover()->pieces()) {
    names.push_back(piece.name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  CHECK(names == std::vector<std::string>{"copied", "store", "vm"});
  Bundle bundle;
  ReadBundle(plan.bundle().bytes, "bundle", bundle);
  const auto part = bundle.Find(BundlePartKind::kHandover);
  REQUIRE(part);
  const auto tree = plan.handover()->tree()->bytes();
  CHECK(std::equal(part->stored.begin(), part->stored.end(), tree.begin(), tree.end()));
  // Nobody changes the store meanwhile.
  CHECK(FailureOf([&] { Store(bench.world.choice(), Store::For::kWriting); }).starts_with("7: "));
}

TEST_CASE("A page that has moved since stops a load that would lose it", "[tool][load-store]") {
  Bench bench;
  const std::uint64_t before = bench.StartOfVm();
  LoadPlan plan(bench.options, bench.world.output());
  REQUIRE(plan.Plan(nullptr).ok());
  SECTION("another one will do") {
    bench.MakeVm(4 * kPage, "second");
    const std::uint64_t now = bench.StartOfVm();
    REQUIRE(now != before);
    CHECK_THROWS_AS(plan.Plan(nullptr), PagesMoved);
    CHECK(FailureOf([&] { plan.Plan(nullptr); }) ==
          Format("1: moved: vm: {} from offset 0x0 on was at {} and lies at {}, which the handover does not keep: run "
                 "mkhandover load again",
                 bench.vm, Hex(before), RangeText(PhysRange::FromStartSize(PhysAddr(now), 3 * kPage).value())));
  }
  SECTION("a file of another size is not what was kept") {
    std::filesystem::resize_file(bench.vm, 2 * kPage);
    CHECK(FailureOf([&] { plan.Plan(nullptr); }) ==
          Format("1: resized: vm: {} was 64 KiB when it was kept and is 32 KiB now: drop vm and keep it again",
                 bench.vm));
  }
}

TEST_CASE("What was loaded is recorded with all that went into it, and read back", "[tool][load-store]") {
  Bench bench;
  const LoadPlan plan(bench.options, bench.world.output());
  WriteLoadRecord(bench.options, plan);
  CHECK(HasLoadRecord(bench.options.root));
  const std::filesystem::path folder = bench.machine.root() / kLoadFolder;
  struct stat status {};
  REQUIRE(stat(folder.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  CHECK(NamesIn(folder) == std::vector<std::string>{"cmdline-1", "initrd-1", "kernel-1", "load.json", "stage-1"});
  const LoadOptions read = ReadLoadRecord(bench.options.root);
  CHECK(TextOf(read.kernel) == TextOf(bench.options.kernel));
  CHECK(TextOf(*read.stage) == TextOf(*bench.options.stage));
  REQUIRE(read.initrds.size() == 1);
  CHECK(TextOf(read.initrds[0]) == TextOf(bench.options.initrds[0]));
  CHECK(read.cmdline == "console=ttyS0");
  CHECK(read.via == "segments");
  CHECK(read.store.folder == bench.options.store.folder);
  CHECK(read.with_store);
  CHECK_FALSE(read.reuse_cmdline);

  // The next one takes its place.
  WriteLoadRecord(bench.options, plan);
  CHECK(NamesIn(folder) == std::vector<std::string>{"cmdline-2", "initrd-2", "kernel-2", "load.json", "stage-2"});
  RemoveLoadRecord(bench.options.root);
  CHECK_FALSE(std::filesystem::exists(folder));
}

TEST_CASE("A kernel that was replaced while it was loaded is not recorded", "[tool][load-store]") {
  Bench bench;
  const LoadPlan plan(bench.options, bench.world.output());
  Bytes other = FakeKernel(PayloadCodec::kZstd, FakeVmlinux());
  other[0x10] = std::byte{1};
  bench.Put("kernel", other);
  CHECK(FailureOf([&] { WriteLoadRecord(bench.options, plan); }) ==
        Format("1: {}: was changed while it was loaded: run this again", bench.options.kernel));
  CHECK_FALSE(HasLoadRecord(bench.options.root));
}

TEST_CASE("A record is believed to the letter or not at all", "[tool][load-store]") {
  Bench bench;
  WriteLoadRecord(bench.options, LoadPlan(bench.options, bench.world.output()));
  const Json good = Json::parse(bench.TextOfRecord());
  Json record = good;
  std::string line;
  const std::string format = "is no record of the format holdfast,load-v1";
  SECTION("another version") {
    record["format"] = "holdfast,load-v2";
    line = bench.Line(format);
  }
  SECTION("something more") {
    record["more"] = 1;
    line = bench.Line(format);
  }
  SECTION("a word that is not known") {
    record["via"] = "pigeon";
    line = bench.Line("via is none that is known");
  }
  SECTION("no word at all") {
    record["mode"] = "";
    line = bench.Line("mode is none that is known");
  }
  SECTION("no text") {
    record["store"] = 1;
    line = bench.Line("store is missing");
  }
  SECTION("no kernel") {
    record["kernel"] = nullptr;
    line = bench.Line("stage or kernel is missing");
  }
  SECTION("a file elsewhere") {
    record["kernel"]["file"] = "kernel/../../../kernel";
    line = bench.Line("kernel has a file of another name");
  }
  SECTION("a file more") {
    record["initrd"]["size"] = 5;
    line = bench.Line("initrd is missing");
  }
  SECTION("a copy that is something else") {
    bench.machine.Write("run/holdfast/initrd-1", "x");
    line = bench.Line("initrd-1 is not what its digest says");
  }
  bench.machine.Write(kRecord, ToText(record));
  CHECK(bench.ReadFailure() == line);
}

TEST_CASE("A record that is no JSON is refused", "[tool][load-store]") {
  Bench bench;
  bench.machine.Write(kRecord, "{\"format\": ");
  CHECK(bench.ReadFailure() == bench.Line("is no record of the format holdfast,load-v1"));
}

// Steps that only say that they were taken; what a load does is the test's.
struct Steps {
  using Words = std::vector<std::string>;

  explicit Steps(std::function<ExitCode()> loads)
      : steps{.load =
                  [this, loads](const LoadOptions& options, Output&) {
                    taken.push_back("load " + options.store.folder);
                    return loads();
                  },
              .unload = [this](Output&) { taken.push_back("unload"); }} {}

  Words taken;
  LoadSteps steps;
};

ExitCode MoveOnce(int& moves) {
  if (moves-- > 0) {
    throw PagesMoved("moved: vm: elsewhere: run mkhandover load again");
  }
  return ExitCode::kFine;
}

TEST_CASE("Pages that move are loaded once more, three times at most", "[tool][load-store]") {
  Bench bench;
  int moves = 2;
  Steps steps([&] { return MoveOnce(moves); });
  const std::string load = "load " + bench.options.store.folder;
  SECTION("until they sit still") {
    CHECK(RunLoad(bench.options, bench.world.output(), steps.steps) == ExitCode::kFine);
  }
  SECTION("then it fails") {
    moves = 3;
    CHECK(FailureOf([&] { RunLoad(bench.options, bench.world.output(), steps.steps); }) ==
          "1: moved: vm: elsewhere: run mkhandover load again");
  }
  CHECK(steps.taken == Steps::Words{load, load, load});
}

TEST_CASE("Before something is loaded again, what is loaded goes", "[tool][load-store]") {
  Bench bench;
  WriteLoadRecord(bench.options, LoadPlan(bench.options, bench.world.output()));
  int moves = 1;
  Steps steps([&] { return MoveOnce(moves); });
  const std::string load = "load " + bench.options.store.folder;
  LoadOptions again;
  again.again = true;
  again.root = bench.options.root;
  SECTION("and nothing else is needed") {
    CHECK(RunLoad(again, bench.world.output(), steps.steps) == ExitCode::kFine);
    CHECK(steps.taken == Steps::Words{"unload", load, load});
  }
  SECTION("also where the record is not read") {
    bench.machine.Write(kRecord, "{}");
    CHECK(FailureOf([&] { RunLoad(again, bench.world.output(), steps.steps); }) ==
          bench.Line("is no record of the format holdfast,load-v1"));
    CHECK(steps.taken == Steps::Words{"unload"});
  }
  SECTION("but not where nothing will be loaded") {
    again.dry_run = true;
    CHECK(RunLoad(again, bench.world.output(), steps.steps) == ExitCode::kFine);
    CHECK(steps.taken == Steps::Words{load, load});
  }
}

TEST_CASE("A store that was loaded is not forgotten by the way", "[tool][load-store]") {
  Bench bench;
  WriteLoadRecord(bench.options, LoadPlan(bench.options, bench.world.output()));
  Steps steps([] { return ExitCode::kFine; });
  bench.options.with_store = false;
  CHECK(FailureOf([&] { RunLoad(bench.options, bench.world.output(), steps.steps); }) ==
        Format("1: the last load kept a store: give --store, or rm -r {} to forget it",
               (bench.machine.root() / kLoadFolder).string()));
  CHECK(steps.taken.empty());
  RemoveLoadRecord(bench.options.root);
  CHECK(RunLoad(bench.options, bench.world.output(), steps.steps) == ExitCode::kFine);
}

TEST_CASE("A load of a store that fails does not leave a stale one", "[tool][load-store]") {
  Bench bench;
  WriteLoadRecord(bench.options, LoadPlan(bench.options, bench.world.output()));
  bench.world.TakeErrors();
  Steps steps([]() -> ExitCode { throw Failure(ExitCode::kSystem, "kernel: No such file or directory"); });
  std::string line = "7: kernel: No such file or directory";
  std::string warning = "mkhandover: warning: what was loaded before is unloaded: the store is not where it was then\n";
  const std::string load = "load " + bench.options.store.folder;
  Steps::Words taken = {"unload", load};
  SECTION("the kernel alone is missing") {
    warning = "mkhandover: warning: what was loaded before stays loaded\n";
    taken = {load};
  }
  SECTION("pages have moved since") { bench.MakeVm(4 * kPage, "second"); }
  SECTION("a file has another size") { std::filesystem::resize_file(bench.vm, 2 * kPage); }
  SECTION("a file is gone") { std::filesystem::remove(bench.vm); }
  SECTION("pages move all the time") {
    line = "1: moved: vm: elsewhere: run mkhandover load again";
    steps.steps.load = [&](const LoadOptions&, Output&) -> ExitCode {
      steps.taken.push_back(load);
      throw PagesMoved("moved: vm: elsewhere: run mkhandover load again");
    };
    taken = {load, load, load, "unload"};
  }
  SECTION("a dry run lets nothing go") {
    bench.options.dry_run = true;
    std::filesystem::remove(bench.vm);
    warning = "";
    taken = {load};
  }
  CHECK(FailureOf([&] { RunLoad(bench.options, bench.world.output(), steps.steps); }) == line);
  CHECK(bench.world.TakeErrors() == warning);
  CHECK(steps.taken == taken);
}

}  // namespace
}  // namespace holdfast::tool
