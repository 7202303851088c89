// SPDX-License-Identifier: BSD-2-Clause
// The image on other machines than the plain one, and in other boots than from one kernel to the next.

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "tests/e2e/image-scenario.h"
#include "tests/e2e/page-pattern.h"

namespace holdfast::e2e {
namespace {

constexpr std::uint64_t kGib = std::uint64_t{1} << 30;

struct Jump {
  std::string flags = "-c -l";
  std::string option = {};
  std::string stage = std::string(kStageName);
  std::string initrd = "/tmp/initrd";
};

StageLines JumpThroughImage(Guest& guest, const Jump& jump) {
  LoadKernel(guest, {.kernel = jump.stage,
                     .append = jump.option,
                     .kexec = "kexec-stock",
                     .flags = jump.flags,
                     .initrd = jump.initrd});
  guest.Leave("kexec-stock -e");
  return ExpectStage(guest, jump.flags.find("-s") == std::string::npos ? "kexec-tools" : "linux");
}

// The kernel's own log has a line with these words.
bool HasLogged(Guest& guest, const std::string& words) {
  return guest.TryRun("dmesg | grep -q '" + words + "'").status == 0;
}

// Linux hides the feature where it does not use it.
bool Has5Levels(Guest& guest) { return guest.TryRun("grep -qw la57 /proc/cpuinfo").status == 0; }

// The link-time address of the kernel's first byte, plus what it was moved by.
std::uint64_t VirtualStart(Guest& guest) {
  return std::stoull(guest.Run("awk '$3 == \"_text\" { print $1 }' /proc/kallsyms").output, nullptr, 16);
}

}  // namespace

TEST_CASE("Image: a processor without large pages, random numbers and five levels will do", "[e2e][image][machine]") {
  Guest guest({.memory = "3G", .cpu = "qemu64", .kernel = "6.1", .files = {StageFile("6.12", "vmlinux")}});
  const KeptPages kept = ScatterPages(guest, 32, 5 * kGib - kGib / 4);
  const StageLines lines = JumpThroughImage(guest, {.option = MakeHandover(guest, {kept})});
  CHECK(Damage(guest, kept) == "");
  CHECK(KernelCode(guest) == lines.kernel_address());
  CHECK_FALSE(Has5Levels(guest));
}

TEST_CASE("Image: two processors with five levels come up behind it, on a machine of 2 GiB", "[e2e][image][machine]") {
  Guest guest({.memory = "2G", .cpus = 2, .kernel = "6.1", .files = {StageFile("new", "vmlinux")}});
  const KeptPages kept = FillBelowSegments(guest);
  JumpThroughImage(guest, {.option = MakeHandover(guest, {kept})});
  CHECK(Damage(guest, kept) == "");
  CHECK(guest.Run("nproc").output == "2\n");
  CHECK(Has5Levels(guest));
}

TEST_CASE("Image: it and its initrd lie above 4 GiB", "[e2e][image][machine]") {
  Guest guest({.memory = "6G", .kernel = "6.1", .files = {StageFile("6.12", "bzimage")}});
  const KeptPages kept = ScatterPages(guest, 32, 6 * kGib);
  const std::string option = MakeHandover(guest, {kept});
  const auto segments = SegmentsOf(LoadKernel(
      guest, {.kernel = std::string(kStageName), .append = option, .kexec = "kexec-stock", .flags = "-d -c -l"}));
  CHECK(std::count_if(segments.begin(), segments.end(), [](const LoadedSegment& s) { return s.mem >= 4 * kGib; }) >= 3);
  guest.Leave("kexec-stock -e");
  ExpectStage(guest, "kexec-tools");
  CHECK(Damage(guest, kept) == "");
}

TEST_CASE("Image: a bundle above 4 GiB is found through the upper halves of its fields",
          "[e2e][image][machine][exhaustive]") {
  Guest guest({.memory = "6G", .kernel = "6.1", .carried = {"6.12"}, .files = {StageFile(Stage())}});
  const KeptPages kept = ScatterPages(guest, 32, 6 * kGib);
  MakeHandover(guest, {kept});
  MakeBundle(guest, "6.12", "--handover " + std::string(kHandoverFile));
  const auto segments = SegmentsOf(LoadKernel(guest, {.kernel = std::string(kStageName),
                                                      .kexec = "kexec-stock",
                                                      .flags = "-d -c -l",
                                                      .initrd = std::string(kBundleFile)}));
  const std::uint64_t size = std::stoull(guest.Run("stat -c %s " + std::string(kBundleFile)).output);
  CHECK(std::any_of(segments.begin(), segments.end(),
                    [size](const LoadedSegment& s) { return s.mem >= 4 * kGib && s.memsz >= size; }));
  guest.Leave("kexec-stock -e");
  const StageLines lines = ExpectStage(guest, "kexec-tools");
  CHECK(Damage(guest, kept) == "");
  CHECK(KernelCode(guest) == lines.kernel_address());
}

TEST_CASE("Image: the first kernel was told to leave memory alone, the next one has it", "[e2e][image][machine]") {
  Guest guest({.memory = "2G", .kernel = "6.1", .append = "mem=1G", .files = {StageFile("6.12", "vmlinux")}});
  const std::uint64_t before = guest.MemTotalKib();
  const KeptPages kept = FillBelowSegments(guest);
  JumpThroughImage(guest, {.option = MakeHandover(guest, {kept})});
  CHECK(Damage(guest, kept) == "");
  CHECK(guest.MemTotalKib() > before + before / 2);
}

TEST_CASE("Image: the next kernel is told to leave memory alone, and stands where it may", "[e2e][image][machine]") {
  Guest guest({.memory = "2G", .kernel = "6.1", .files = {StageFile("6.12", "vmlinux")}});
  const KeptPages kept = FillBelowSegments(guest);
  // It is loaded at the top, from where the next kernel does not read an initrd any more.
  JumpThroughImage(guest, {.flags = "-c -l", .option = MakeHandover(guest, {kept}) + " mem=1G"});
  CHECK(Damage(guest, kept) == "");
  CHECK(KernelCode(guest) < kGib);
  CHECK(guest.MemTotalKib() < kGib / 1024);
}

TEST_CASE("Image: mkhandover load puts nothing on kept pages, where other loaders would",
          "[e2e][image][machine][load]") {
  Guest guest({.memory = "1G", .cpus = 2, .kernel = "6.1", .carried = {"6.12"}, .files = {StageFile(Stage())}});
  const KeptPages kept = FillBelowSegments(guest);
  const auto segments = SegmentsOf(LoadKernel(guest, {.kernel = "6.12", .kexec = "kexec-stock", .flags = "-d -c -l"}));
  guest.Run("kexec-stock -u");
  // A page of each but of the block in low memory: more of what is not ours, and the old kernel would use some of it.
  std::vector<Extent> places;
  std::string options;
  for (const LoadedSegment& segment : segments) {
    if (segment.mem < kLowPages) continue;
    places.push_back({segment.mem + kPageSize, kPageSize});
    options += Preserve(places.back().start, places.back().size, "place" + std::to_string(places.size()));
  }
  REQUIRE(places.size() >= 3);
  MakeHandover(guest, {kept}, options);
  LeaveByOurLoader(guest, {.via = "segments", .kernel = "6.12"});
  ExpectStage(guest, "mkhandover");
  CHECK(Damage(guest, kept) == "");
  CHECK(NotOfType(guest.E820(), kReserved, places).empty());
  CHECK(guest.Run("nproc").output == "2\n");
}

TEST_CASE("Image: mkhandover load drives a stock kexec", "[e2e][image][machine][load]") {
  Guest guest({.memory = "1G", .kernel = "6.1", .carried = {"6.12"}, .files = {StageFile(Stage())}});
  const KeptPages kept = FillBelowSegments(guest);
  MakeHandover(guest, {kept});
  LeaveByOurLoader(guest, {.via = "kexec-tools --kexec /bin/kexec-stock", .kernel = "6.12"});
  ExpectStage(guest, "kexec-tools");
  CHECK(Damage(guest, kept) == "");
}

TEST_CASE("Image: under OVMF the next kernel draws on the same frame buffer",
          "[e2e][image][machine][ovmf][exhaustive]") {
  Guest guest({.firmware = Firmware::kOvmf,
               .memory = "1G",
               .kernel = "6.1",
               .carried = {"6.1"},
               .files = {StageFile("6.1", "vmlinux"), {Stage(), "/kernels/bare"}},
               .qemu = {"-vga", "std"}});
  REQUIRE(HasLogged(guest, "efifb: framebuffer at"));
  const std::string first = guest.Run("dmesg | grep -o 'efifb: framebuffer at.*'").output;
  const KeptPages kept = FillBelowSegments(guest);
  JumpThroughImage(guest, {.flags = "-s -l", .option = MakeHandover(guest, {kept})});
  CHECK(Damage(guest, kept) == "");
  CHECK(guest.Run("dmesg | grep -o 'efifb: framebuffer at.*'").output == first);

  // Once more by the loader that makes boot_params itself; no handover was made in this kernel, so nothing is fenced.
  LeaveByOurLoader(guest, {.via = "segments", .kernel = "6.1", .entry = "bzimage", .stage = "bare"});
  ExpectStage(guest, "mkhandover");
  CHECK(guest.Run("dmesg | grep -o 'efifb: framebuffer at.*'").output == first);
}

// A crash kernel runs where memory was set aside for it and finds the rest as it was.
void CrashesThroughImage(const std::string& flags, const std::string& loader) {
  Guest guest({.memory = "2G",
               .kernel = "6.1",
               .append = "crashkernel=512M",
               .files = {StageFile("6.1", "bzimage")},
               .may_panic = true});
  const KeptPages kept = FillPages(guest, "64M");
  LoadKernel(guest, {.kernel = std::string(kStageName),
                     .append = MakeHandover(guest, {kept}) + " irqpoll nr_cpus=1 reset_devices",
                     .kexec = "kexec-stock",
                     .flags = flags});
  guest.Leave("echo 0 > /proc/sys/kernel/hung_task_timeout_secs; echo c > /proc/sysrq-trigger");
  const StageLines lines = ExpectStage(guest, loader);
  CHECK_THAT(lines.handover, Catch::StartsWith("holdfast: handover none"));
  CHECK(guest.Run("cat /proc/cmdline").output.find("elfcorehdr=") != std::string::npos);
  guest.Run("test -e /proc/vmcore");
  CHECK(CountDifferent(guest, kept) == 0);
}

TEST_CASE("Image: a crash kernel starts through it, loaded by kexec_file_load", "[e2e][image][machine][crash]") {
  CrashesThroughImage("-s -p", "linux");
}

TEST_CASE("Image: a crash kernel starts through it, loaded by kexec_load", "[e2e][image][machine][crash]") {
  CrashesThroughImage("-c -p", "kexec-tools");
}

TEST_CASE("Image, image, purgatory: memory that was written once is there after three kexecs",
          "[e2e][image][machine][chain]") {
  Guest guest(
      {.memory = "1G",
       .kernel = "6.1",
       .carried = {"6.1"},
       .files = {{StageWith("6.12", "vmlinux"), "/kernels/first"}, {StageWith("new", "bzimage"), "/kernels/second"}}});
  const KeptPages kept = FillBelowSegments(guest);
  const std::string option = MakeHandover(guest, {kept});
  JumpThroughImage(guest, {.flags = "-c -l", .option = option, .stage = "first"});
  CHECK(Damage(guest, kept) == "");
  JumpThroughImage(guest, {.flags = "-s -l", .option = option, .stage = "second"});
  CHECK(Damage(guest, kept) == "");
  LoadKernel(guest, {.kernel = "6.1", .append = option});
  guest.Leave("kexec -e");
  guest.Expect("holdfast: 0.1.0 purgatory on kexec-tools");
  guest.Expect("holdfast: mode fence, map ");
  guest.Expect("init: up ");
  CHECK(Damage(guest, kept) == "");
}

TEST_CASE("Image: without a handover it goes through, and nothing is fenced", "[e2e][image][machine]") {
  Guest guest({.memory = "1G", .kernel = "6.1", .files = {StageFile("6.1", "vmlinux")}});
  const Map before = guest.E820();
  const StageLines lines = JumpThroughImage(guest, {});
  CHECK(lines.handover == "holdfast: handover none, 0 ranges, 0 B kept");
  CHECK(Differences(AboveLowMemory(before), AboveLowMemory(guest.E820())) == std::vector<std::string>());
}

TEST_CASE("Image: without KASLR the kernel takes the lowest slot and its own addresses",
          "[e2e][image][machine][kaslr]") {
  Guest guest({.memory = "1G", .kernel = "6.1", .files = {StageFile("6.1", "vmlinux")}});
  const KeptPages kept = FillBelowSegments(guest);
  const StageLines lines = JumpThroughImage(guest, {.option = MakeHandover(guest, {kept}) + " nokaslr"});
  CHECK_THAT(lines.kernel, Catch::Contains(", slot 1 of "));
  CHECK(KernelCode(guest) == lines.kernel_address());
  CHECK(VirtualStart(guest) == 0xffffffff81000000);
  CHECK(Damage(guest, kept) == "");
}

namespace {

// How many extents the running kernel takes for RAM.  Its log shows boot_params alone, so its resources tell what it
// made of the whole map.
long PartsAsRam(Guest& guest, const KeptPages& kept) {
  const Map resources = MapOfResources(guest);
  return std::count_if(kept.extents.begin(), kept.extents.end(), [&](const Extent& extent) {
    return BytesWithin(resources, kRam, extent.start, extent.end()) != 0;
  });
}

}  // namespace

// Memory in 1,500 pieces makes a map of more entries than any kernel or loader has room for.
TEST_CASE("Image: 1,500 scattered extents survive, in a map with its smallest gaps closed",
          "[e2e][image][machine][scatter][exhaustive]") {
  Guest guest(
      {.memory = "8G",
       .kernel = "6.1",
       .carried = {"new"},
       .files = {{StageWith("new", "vmlinux"), "/kernels/first"}, {StageWith("6.1", "bzimage"), "/kernels/second"}}});
  // The guest ends at 10 GiB, with a hole below 4 GiB; loaders begin at its end.
  const KeptPages kept = ScatterPages(guest, 1500, 10 * kGib - kGib / 2);
  REQUIRE(kept.extents.size() == 1500);
  const std::string option = MakeHandover(guest, {kept});
  for (const char* stage : {"first", "second"}) {
    INFO(stage);
    const StageLines lines = JumpThroughImage(guest, {.option = option, .stage = stage});
    CHECK(CountDifferent(guest, kept) == 0);
    CHECK(GuestFinds(guest, kept));
    const StageReport report = ReadReport(guest);
    CHECK(report.preserved.size() == 1501);  // with the handover's own page
    CHECK(report.bytes == kept.bytes() + kHugePageSize);
    CHECK(report.map.size() <= 2000);
    CHECK(NotOfType(report.map, kReserved, kept.extents).empty());
    CHECK_THAT(lines.mode,
               Catch::StartsWith("holdfast: mode fence, map " + std::to_string(report.map.size()) + " entries, "));
    if (std::string(stage) == "first") CHECK(report.wasted_bytes > 0);

    CHECK(PartsAsRam(guest, kept) == 0);
  }
}

// At the second kexec the list lies in memory that the first one has fenced.
TEST_CASE("Image: 200 scattered extents come through two kexecs by a range-list",
          "[e2e][image][machine][range-list][exhaustive]") {
  Guest guest(
      {.memory = "2G",
       .kernel = "6.1",
       .carried = {"6.12"},
       .files = {{StageWith("6.12", "vmlinux"), "/kernels/first"}, {StageWith("6.1", "bzimage"), "/kernels/second"}}});
  const KeptPages kept = ScatterPages(guest, 200, 2 * kGib - kGib / 4);
  REQUIRE(kept.extents.size() == 200);
  const std::string option = MakeHandover(guest, {kept}, " --range-list");
  CHECK(ParseOption(option).size < 200 * 16);  // which pairs of cells would take
  for (const char* stage : {"first", "second"}) {
    INFO(stage);
    JumpThroughImage(guest, {.option = option, .stage = stage});
    CHECK(CountDifferent(guest, kept) == 0);
    CHECK(GuestFinds(guest, kept));
    CHECK(PartsAsRam(guest, kept) == 0);
    const StageReport report = ReadReport(guest);
    CHECK(report.preserved.size() == 201);  // with the handover's own page
    CHECK(report.bytes == kept.bytes() + kHugePageSize);
    guest.Run("mkhandover report --handover /tmp/tree && mkhandover inspect --memory /dev/mem /tmp/tree");
  }
}

namespace {

// Boots that follow one another on a UEFI machine, where Linux turns its own physical KASLR off after a kexec.
Guest UefiGuest() {
  return Guest({.firmware = Firmware::kOvmf,
                .memory = "2G",
                .kernel = "6.1",
                .carried = {"6.1"},
                .files = {StageFile("6.1", "vmlinux")}});
}

// How many places, and how many virtual addresses, so many boots had.
struct Places {
  std::set<std::uint64_t> physical;
  std::set<std::uint64_t> virtual_addresses;
  std::string text;

  void Add(Guest& guest) {
    physical.insert(KernelCode(guest));
    virtual_addresses.insert(VirtualStart(guest));
    text += " " + Hex(KernelCode(guest));
  }
};

Places BootThroughImage(int num_boots) {
  Guest guest = UefiGuest();
  Places places;
  for (int hop = 0; hop < num_boots; ++hop) {
    const StageLines lines = JumpThroughImage(guest, {.flags = hop % 2 == 0 ? "-c -l" : "-s -l"});
    CHECK(KernelCode(guest) == lines.kernel_address());
    places.Add(guest);
  }
  return places;
}

}  // namespace

TEST_CASE("Image: under OVMF the kernel stands at another place each time",
          "[e2e][image][machine][kaslr][ovmf][exhaustive]") {
  const Places places = BootThroughImage(3);
  CHECK(places.physical.size() >= 2);
  CHECK(places.virtual_addresses.size() >= 2);
}

TEST_CASE("Image: ten boots under OVMF have ten places", "[e2e][kaslr-ten][exhaustive]") {
  const Places places = BootThroughImage(10);
  WARN("through the image:" << places.text);
  CHECK(places.physical.size() >= 9);
  CHECK(places.virtual_addresses.size() >= 9);
}

TEST_CASE("Linux alone: ten boots under OVMF have one place", "[e2e][kaslr-ten][exhaustive]") {
  Guest guest = UefiGuest();
  Places places;
  for (int hop = 0; hop < 10; ++hop) {
    LoadKernel(guest, {.kernel = "6.1", .kexec = "kexec-stock"});
    guest.Kexec("kexec-stock -e");
    places.Add(guest);
  }
  WARN("by Linux alone:" << places.text);
  CHECK(places.physical.size() <= 2);
}

}  // namespace holdfast::e2e
