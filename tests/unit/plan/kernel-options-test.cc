// SPDX-License-Identifier: BSD-2-Clause
// Options of the next kernel's command line that concern its place, and kept memory.

#include "common/plan/kernel-options.h"

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/plan-fixtures.h"

namespace holdfast {
namespace {

using test::Kept;
using test::TestKept;

constexpr std::uint64_t kLimit = std::uint64_t{1} << 46;

// The limit that the line leaves of one that was there.
struct Heeded {
  bool kaslr;
  std::uint64_t limit;

  bool operator==(const Heeded&) const = default;
};

Heeded Heed(std::string_view line, std::uint64_t limit) {
  const test::TestMap map(std::vector<MemEntry>{});
  TestKept kept(std::vector<Kept>{});
  test::TestSet none(std::vector<PhysRange>{});
  const Handover handover(kept.map(), none.set(), none.set());
  BootInputs inputs{.memory = map.map(), .handover = handover, .kernel = {.limit = limit}};
  HeedKernelOptions(line, inputs);
  return {inputs.kaslr, inputs.kernel.limit};
}

// Of a kept range: where its problem begins in the line, and what it says there.
struct Conflict {
  std::uint64_t where;
  std::string what;

  bool operator==(const Conflict&) const = default;
};

// From 1 GiB to 3 GiB, in three parts of their own fences, 256 MiB apart.
const std::vector<Kept>& SomeKept() {
  static const std::vector<Kept> kept = {{R(kGiB, kGiB + 256 * kMiB), Fence::kReserved},
                                         {R(kGiB + 512 * kMiB, kGiB + 768 * kMiB), Fence::kHeld},
                                         {R(2 * kGiB, 2 * kGiB + 256 * kMiB), Fence::kPmem},
                                         {R(2 * kGiB + 512 * kMiB, 2 * kGiB + 768 * kMiB), Fence::kPram}};
  return kept;
}
constexpr std::uint64_t kReservedAt = kGiB;
constexpr std::uint64_t kHeldAt = kGiB + 512 * kMiB;
constexpr std::uint64_t kHeldEnd = kGiB + 768 * kMiB;
constexpr std::uint64_t kPmemAt = 2 * kGiB;
constexpr std::uint64_t kPramAt = 2 * kGiB + 512 * kMiB;

// The only problem of the line with these kept; nothing if there is none.
std::optional<Problem> ProblemOf(std::string_view line, const PreservedMap& kept) {
  FixedVector<Problem, kMaxProblems> problems;
  CheckKernelOptions(line, kept, problems);
  if (problems.empty()) {
    return std::nullopt;
  }
  CHECK(problems.size() == 1);
  CHECK(problems[0].code == Errc::kConflict);
  REQUIRE(problems[0].where <= line.size());
  CHECK(problems[0].what == line.substr(problems[0].where, problems[0].what.size()));
  REQUIRE(problems[0].kept.has_value());
  CHECK(problems[0].other_range == problems[0].kept->range);
  return problems[0];
}

// Where the kept range begins that the line would take first; 0 if it takes none.
std::uint64_t Takes(std::string_view line) {
  TestKept kept(SomeKept());
  const auto problem = ProblemOf(line, kept.map());
  return problem ? problem->other_range.start().raw() : 0;
}

std::vector<Conflict> ConflictsOf(std::string_view line) {
  TestKept kept(SomeKept());
  FixedVector<Problem, kMaxProblems> problems;
  CheckKernelOptions(line, kept.map(), problems);
  std::vector<Conflict> out;
  for (const Problem& problem : problems) {
    out.push_back({problem.where, std::string(problem.what)});
  }
  return out;
}

}  // namespace

// --- What is heeded -----------------------------------------------------------------------------------------------

TEST_CASE("nokaslr and limits are heeded, and nothing that only looks like them", "[plan][kernel-options]") {
  struct Case {
    const char* line;
    bool kaslr;
    std::uint64_t limit;
  };
  const auto c = GENERATE(
      Case{"", true, kLimit}, Case{"console=ttyS0 quiet", true, kLimit}, Case{"quiet nokaslr", false, kLimit},
      Case{"nokaslr2", true, kLimit}, Case{"-- nokaslr", true, kLimit}, Case{"mem=48M", true, 48 * kMiB},
      Case{"mem=0x1000000", true, 16 * kMiB}, Case{"mem=1P", true, kLimit}, Case{"mem=nopentium", true, kLimit},
      Case{"mem=", true, kLimit}, Case{"mem", true, kLimit}, Case{"mem=0", true, kLimit},
      Case{"mem=4G mem=2G", true, 2 * kGiB}, Case{"mem=2G nokaslr", false, 2 * kGiB}, Case{"memory=2G", true, kLimit},
      // What stands behind the number is nothing to the kernel.
      Case{"mem=2Gx", true, 2 * kGiB}, Case{"mem=2GB", true, 2 * kGiB}, Case{"mem=\"2G\"", true, 2 * kGiB});
  INFO(c.line);
  CHECK(Heed(c.line, kLimit) == Heeded{c.kaslr, c.limit});
}

TEST_CASE("memmap= with a size alone is a limit", "[plan][kernel-options]") {
  struct Case {
    const char* line;
    std::uint64_t limit;
  };
  const auto c = GENERATE(
      Case{"memmap=1M", kMiB}, Case{"memmap=2048K", 2 * kMiB}, Case{"memmap=0x200000", 2 * kMiB},
      Case{"memmap=1G@0", kLimit}, Case{"memmap=1G$4G", kLimit}, Case{"memmap=1G#4G", kLimit},
      Case{"memmap=1G!4G", kLimit}, Case{"memmap=1G%4G-1+2", kLimit}, Case{"memmap=64K$3G,4G", 4 * kGiB},
      Case{"memmap=4G,2G,3G", 2 * kGiB}, Case{"memmap=2G,64K$3G", 2 * kGiB}, Case{"memmap=exactmap", kLimit},
      Case{"memmap=exactmap,2G", 2 * kGiB}, Case{"memmap=", kLimit}, Case{"memmap", kLimit}, Case{"memmap=,,", kLimit},
      Case{"memmap=0", kLimit}, Case{"memmap=1Gx", kGiB}, Case{"memmap=x", kLimit}, Case{"memmap=1P", kLimit},
      Case{"memmap=3G mem=2G", 2 * kGiB}, Case{"mem=3G memmap=2G", 2 * kGiB}, Case{"memmap=\"2G,64K$3G\"", 2 * kGiB});
  INFO(c.line);
  CHECK(Heed(c.line, kLimit) == Heeded{true, c.limit});
}

TEST_CASE("Where there was no limit the line's own is one", "[plan][kernel-options]") {
  CHECK(Heed("quiet", 0) == Heeded{true, 0});
  CHECK(Heed("mem=2G", 0) == Heeded{true, 2 * kGiB});
  CHECK(Heed("mem=2G memmap=3G", 0) == Heeded{true, 2 * kGiB});
}

// --- What conflicts -----------------------------------------------------------------------------------------------

TEST_CASE("memmap=exactmap throws away whatever is kept", "[plan][kernel-options]") {
  const auto [line, where, what] = GENERATE(
      table<const char*, std::uint64_t, const char*>({{"memmap=exactmap", 0, "memmap=exactmap"},
                                                      {"quiet splash memmap=exactmap x", 13, "memmap=exactmap"},
                                                      {"memmap=exactmap,1G@4G", 0, "memmap=exactmap"},
                                                      {"memmap=1G@4G,exactmap", 13, "exactmap"},
                                                      {"memmap=exactmapped", 0, "memmap=exactmapped"},
                                                      {"\"memmap=exactmap\"", 1, "memmap=exactmap"},
                                                      {"memmap=\"exactmap\"", 0, "memmap=\"exactmap"}}));
  INFO(line);
  const std::vector<Kept> kept = {{R(8 * kGiB, 9 * kGiB), GENERATE(Fence::kReserved, Fence::kHeld)}};
  TestKept map(kept);
  const auto problem = ProblemOf(line, map.map());
  REQUIRE(problem);
  test::CheckProblem(*problem, {.code = Errc::kConflict,
                                .where = where,
                                .what = what,
                                .other_range = kept[0].range,
                                .kept = KeptRange{.range = kept[0].range, .fence = kept[0].fence}});
}

TEST_CASE("A region of memmap= conflicts where it says of kept memory what its fence does not say",
          "[plan][kernel-options]") {
  struct Case {
    const char* name;
    char mark;
    bool reserved;  // Does it take a range with that fence?
    bool held;
    bool pmem;
    bool pram;
  };
  const auto c = GENERATE(Case{"RAM", '@', true, false, true, true}, Case{"ACPI tables", '#', true, true, true, true},
                          Case{"reserved", '$', false, true, true, true},
                          Case{"pmem of the kernel's own", '!', true, true, true, false});
  INFO(c.name);
  const auto takes = [&](std::uint64_t start) {
    return Takes("memmap=64K" + std::string(1, c.mark) + std::to_string(start));
  };
  CHECK(takes(kReservedAt) == (c.reserved ? kReservedAt : 0));
  CHECK(takes(kHeldAt) == (c.held ? kHeldAt : 0));
  CHECK(takes(kPmemAt) == (c.pmem ? kPmemAt : 0));
  CHECK(takes(kPramAt) == (c.pram ? kPramAt : 0));
  // All of them at once: the first that is taken is named.
  const std::uint64_t first = c.reserved ? kReservedAt : kHeldAt;
  CHECK(Takes("memmap=8G" + std::string(1, c.mark) + "0") == first);
}

TEST_CASE("memmap=SIZE%START retypes, adds or removes", "[plan][kernel-options]") {
  const auto [line, takes] = GENERATE(table<const char*, std::uint64_t>({
      // Only what has the old type is changed: reserved memory is of type 2, held RAM of type 1.
      {"memmap=8G%0-2+1", kReservedAt},
      {"memmap=8G%0-0x2+0x1", kReservedAt},
      {"memmap=8G%0-02+01", kReservedAt},
      {"memmap=8G%0-1+2", kHeldAt},
      {"memmap=8G%0-7+1", kPmemAt},
      {"memmap=8G%0-12+1", kPramAt},
      {"memmap=8G%0-0xc+1", kPramAt},
      {"memmap=8G%0-3+1", 0},
      {"memmap=8G%0-2+2", 0},
      // Taken out of the map.
      {"memmap=8G%0-2", kReservedAt},
      {"memmap=8G%0-1", kHeldAt},
      {"memmap=8G%0-3", 0},
      {"memmap=8G%0", kReservedAt},
      {"memmap=8G%0-0", kReservedAt},
      {"memmap=8G%0-0+0", kReservedAt},
      // Added as another type.
      {"memmap=8G%0+2", kHeldAt},
      {"memmap=8G%0+1", kReservedAt},
      {"memmap=8G%0-0+7", kReservedAt},
      {"memmap=64K%2G+7", 0},
      // The kernel makes nothing of what does not end there, and its numbers have no suffix.
      {"memmap=8G%0-2+1x", 0},
      {"memmap=8G%0-2K", 0},
      {"memmap=8G%0+1-2", 0},
      {"memmap=8G%0x", 0},
      // A type has 32 bits.
      {"memmap=8G%0-0x100000002+1", kReservedAt},
  }));
  INFO(line);
  CHECK(Takes(line) == takes);
}

TEST_CASE("A region is as long as the kernel reads it", "[plan][kernel-options]") {
  const auto [line, takes] = GENERATE(table<const char*, std::uint64_t>({
      // Both sides of both ends of [1 GiB, 1.25 GiB).
      {"memmap=1G@0", 0},
      {"memmap=0x40000001@0", kReservedAt},
      {"memmap=1@0x4fffffff", kReservedAt},
      {"memmap=1@0x50000000", 0},
      // Spellings of sizes.
      {"memmap=1024M@64K", kReservedAt},
      {"memmap=1048576k@1", kReservedAt},
      {"memmap=010000000000@1", kReservedAt},
      {"memmap=0X40000000@1", kReservedAt},
      {"memmap=1t@0", kReservedAt},
      {"memmap=1P@0", kReservedAt},
      {"memmap=1E@0", kReservedAt},
      {"memmap=0@1G", 0},
      {"memmap=0@0x40001000", 0},
      {"memmap=K@1G", 0},
      // No number, or none behind the mark.
      {"memmap=@1G", 0},
      {"memmap=2G@", kReservedAt},
      {"memmap=2G@x", kReservedAt},
      {"memmap=2G@0x", kReservedAt},
      // 08 is an octal 0 with something behind it, and 0x with nothing behind it too: a limit, which takes the held
      // range.
      {"memmap=08@1G", kHeldAt},
      {"memmap=0xg@1G", kHeldAt},
      // More bits than there are: the upper ones are lost.  Beyond all memory there is nothing.
      {"memmap=0x10000000000001000@1G", kReservedAt},
      {"memmap=0x10000000000000000@1G", 0},
      {"memmap=16E@1G", 0},
      {"memmap=1G@0xffffffffffffffff", 0},
      {"memmap=1G@4P", 0},
      {"memmap=0xffffffffffffffff@1G", kReservedAt},
      {"memmap=0xffffffffffffffff@4G", 0},
  }));
  INFO(line);
  CHECK(Takes(line) == takes);
}

TEST_CASE("Each part of memmap= is judged and named by itself", "[plan][kernel-options]") {
  const auto [line, conflicts] = GENERATE(table<const char*, std::vector<Conflict>>({
      {"memmap=1G@4G,64K$3G", {}},
      {"memmap=1G@1G,64K$3G", {{0, "memmap=1G@1G"}}},
      {"memmap=64K$3G,1G@1G", {{14, "1G@1G"}}},
      {"quiet memmap=64K$3G,1G@1G,64K#2G,1K$1G x", {{20, "1G@1G"}, {26, "64K#2G"}}},
      {"memmap=,1G@1G", {{8, "1G@1G"}}},
      {"memmap=1G@1G,", {{0, "memmap=1G@1G"}}},
      {"memmap=junk,1G@1G", {{12, "1G@1G"}}},
      {"memmap=1G@1G memmap=64K!1G", {{0, "memmap=1G@1G"}, {13, "memmap=64K!1G"}}},
      {"memmap=\"64K$3G,1G@1G\" quiet", {{15, "1G@1G"}}},
      {"\"memmap=64K$3G,1G@1G\"", {{15, "1G@1G"}}},
      {"x=\"memmap=1G@1G\"", {}},
      {"\"x memmap=1G@1G\"", {}},
      {"memmap =1G@1G", {}},
      {"Memmap=1G@1G", {}},
      {"memmap2=1G@1G", {}},
      {"memmap", {}},
      {"memmap=", {}},
      {"-- memmap=1G@1G", {}},
      {"mem=1G memmap=1G", {{0, "mem=1G"}, {7, "memmap=1G"}}},
  }));
  INFO(line);
  CHECK(ConflictsOf(line) == conflicts);
}

TEST_CASE("The region and the kept range that it would take are known", "[plan][kernel-options]") {
  TestKept kept(SomeKept());
  const auto problem = ProblemOf("memmap=1G@1G", kept.map());
  REQUIRE(problem);
  test::CheckProblem(*problem, {.code = Errc::kConflict,
                                .where = 0,
                                .what = "memmap=1G@1G",
                                .range = R(kGiB, 2 * kGiB),
                                .other_range = SomeKept()[0].range,
                                .kept = KeptRange{.range = SomeKept()[0].range}});
}

TEST_CASE("A limit takes held memory that does not lie below it", "[plan][kernel-options]") {
  const std::string name = GENERATE("mem=", "memmap=");
  const auto takes = [&](const std::string& value) { return Takes(name + value); };
  CHECK(takes(std::to_string(kHeldEnd)) == 0);
  CHECK(takes(std::to_string(kHeldEnd - 1)) == kHeldAt);
  CHECK(takes("1G") == kHeldAt);
  CHECK(takes("1Gx") == kHeldAt);
  CHECK(takes("1792M") == 0);
  CHECK(takes("1791M") == kHeldAt);
  CHECK(takes("0x6fffffff") == kHeldAt);
  CHECK(takes("1P") == 0);
  CHECK(takes("4P") == 0);
  CHECK(takes("0xffffffffffffffff") == 0);
  CHECK(takes("nopentium") == 0);
  CHECK(takes("") == 0);
  // mem= with nothing is a mistake to the kernel, memmap= with nothing takes all.
  CHECK(takes("0") == (name == "mem=" ? 0 : kHeldAt));

  TestKept kept({{R(kGiB, 2 * kGiB), Fence::kReserved}, {R(2 * kGiB, 3 * kGiB), Fence::kPmem}});
  CHECK_FALSE(ProblemOf(name + "1M", kept.map()));
}

TEST_CASE("What stays RAM in native mode is taken by a limit below it, and by a region of another type",
          "[plan][kernel-options]") {
  constexpr std::uint8_t kKho = 1;
  TestKept kept({{R(kGiB, kGiB + 256 * kMiB), Fence::kReserved, kKho}, {R(3 * kGiB, 4 * kGiB), Fence::kReserved, 0}});
  const std::vector<PhysRange> areas = {R(256 * kMiB, 512 * kMiB), R(2 * kGiB, 2 * kGiB + 64 * kMiB)};
  const NativeHandover native{.source = kKho, .compatible = "kho-v4", .scratch = areas};
  const auto conflict = [&](std::string_view line) { return ConflictWithNative(line, kept.map(), native); };
  for (const char* const line :
       {"", "quiet mem=4G memmap=4G", "mem=2112M", "memmap=256M@1G", "memmap=64M$512M", "memmap=64M$2G",
        "memmap=512M$3G", "memmap=1G%1G-2+7", "crashkernel=256M", "-- mem=1G"}) {
    INFO(line);
    CHECK_FALSE(conflict(line));
  }
  for (const std::string_view option : {"mem=1G", "mem=1279M", "memmap=512M", "memmap=200M$900M", "memmap=4K#1G",
                                        "memmap=1G!512M", "memmap=1G%1G-1+2"}) {
    INFO(option);
    const std::string line = "quiet " + std::string(option) + " ro";
    const auto problem = conflict(line);
    REQUIRE(problem);
    CHECK(Error{problem->code, problem->where} == Error{Errc::kConflict, 6});
    CHECK(problem->what == option);
    CHECK(problem->other_range == R(kGiB, kGiB + 256 * kMiB));
    CHECK(problem->kept == kept.map().view()[0]);
  }
  // Of scratch, which nothing is kept in.
  const auto problem = conflict("mem=2111M");
  REQUIRE(problem);
  CHECK(Error{problem->code, problem->where} == Error{Errc::kConflict, 0});
  CHECK(problem->other_range == areas[1]);
  CHECK_FALSE(problem->kept);
}

TEST_CASE("A crash kernel at a place of its own stays off kept memory", "[plan][kernel-options]") {
  const auto [line, takes] = GENERATE(table<const char*, std::uint64_t>({
      {"crashkernel=512M@1G", kReservedAt},
      {"crashkernel=512M@3G", 0},
      {"crashkernel=512M@512M", 0},
      {"crashkernel=513M@512M", kReservedAt},
      {"crashkernel=0x20000000@0x40000000", kReservedAt},
      {"crashkernel=64M@1536M", kHeldAt},
      {"crashkernel=64M@2G", kPmemAt},
      {"crashkernel=64M@2560M", kPramAt},
      // Places that the kernel finds.
      {"crashkernel=64M", 0},
      {"crashkernel=64M,high", 0},
      {"crashkernel=64M,low", 0},
      {"crashkernel=64M@0", 0},
      {"crashkernel=4G@0", 0},
      {"crashkernel=auto", 0},
      {"crashkernel=", 0},
      {"crashkernel", 0},
      {"crashkernel=64M@1G,high", 0},
      {"crashkernel=64M@1G,", kReservedAt},
      {"crashkernel=64Mx@1G", 0},
      {"crashkernel=@1G", 0},
      // Sizes by how much RAM there is: any of them may be taken, and their place follows the last.
      {"crashkernel=1G-2G:128M,2G-:256M@1G", kReservedAt},
      {"crashkernel=1G-2G:128M,2G-:256M@3G", 0},
      {"crashkernel=1G-2G:128M,2G-:256M", 0},
      {"crashkernel=1G-2G:128M,2G-:256M@768M", 0},
      {"crashkernel=1G-2G:128M,2G-:257M@768M", kReservedAt},
      {"crashkernel=1G-2G:257M,2G-:128M@768M", kReservedAt},
      {"crashkernel=0-:257M@0x30000000", kReservedAt},
      {"crashkernel=1G:257M@768M", 0},
      {"crashkernel=1G-2G@768M:1G", 0},
      {"crashkernel=1G-:64M,high", 0},
  }));
  INFO(line);
  CHECK(Takes(line) == takes);
}

TEST_CASE("Of several crash kernels the last counts, wherever the kernel finds it", "[plan][kernel-options]") {
  const auto [line, conflicts] = GENERATE(table<const char*, std::vector<Conflict>>({
      {"quiet crashkernel=64M@1G x", {{6, "crashkernel=64M@1G"}}},
      {"crashkernel=64M@1G crashkernel=64M@3G", {}},
      {"crashkernel=64M@3G crashkernel=64M@1G", {{19, "crashkernel=64M@1G"}}},
      {"crashkernel=64M@1G crashkernel=64M", {}},
      // These come in addition.
      {"crashkernel=64M@1G crashkernel=64M,high", {{0, "crashkernel=64M@1G"}}},
      {"crashkernel=64M@1G crashkernel=64M,low", {{0, "crashkernel=64M@1G"}}},
      {"crashkernel=64M@1G crashkernel=64M,cma", {{0, "crashkernel=64M@1G"}}},
      // It looks for the text, not for an option, and ends it at a space.
      {"-- crashkernel=64M@1G", {{3, "crashkernel=64M@1G"}}},
      {"my.crashkernel=64M@1G", {{3, "crashkernel=64M@1G"}}},
      {"x=\"crashkernel=64M@1G\"", {{3, "crashkernel=64M@1G\""}}},
      {"crashkernel=64M@1G\tcrashkernel=64M", {}},
      {"crashkernel=\"64M@1G\"", {}},
  }));
  INFO(line);
  CHECK(ConflictsOf(line) == conflicts);
}

TEST_CASE("What stands behind the line's end is not read", "[plan][kernel-options]") {
  using std::string_view_literals::operator""sv;
  CHECK(ConflictsOf("quiet\0crashkernel=64M@1G"sv).empty());
  CHECK(ConflictsOf("quiet\0memmap=exactmap"sv).empty());
  CHECK(ConflictsOf("memmap=1M@1\0G"sv).empty());
}

TEST_CASE("Nothing is kept, nothing conflicts", "[plan][kernel-options]") {
  TestKept kept(std::vector<Kept>{});
  CHECK_FALSE(ProblemOf("memmap=exactmap memmap=1G@1G crashkernel=64M@1G mem=1M memmap=0", kept.map()));
}

TEST_CASE("Of a long option the beginning is named, and of many conflicts as many as the list holds",
          "[plan][kernel-options]") {
  const std::string zeros(100, '0');
  const auto conflicts = ConflictsOf("memmap=" + zeros + "100000@1G");
  REQUIRE(conflicts.size() == 1);
  CHECK(conflicts[0].what == "memmap=" + std::string(kMaxConflictText - 7, '0'));

  std::string line = "memmap=";
  for (std::size_t i = 0; i <= kMaxProblems; ++i) {
    line += "1@1G,";
  }
  const auto many = ConflictsOf(line);
  REQUIRE(many.size() == kMaxProblems);
  CHECK(many.back() == Conflict{12 + (kMaxProblems - 2) * 5, "1@1G"});
}

}  // namespace holdfast
