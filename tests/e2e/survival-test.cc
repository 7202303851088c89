// SPDX-License-Identifier: BSD-2-Clause
// Kept memory comes through a kexec: every kernel to every kernel, under both firmwares.

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <map>

#include "tests/e2e/page-pattern.h"
#include "tests/e2e/scenario.h"

namespace holdfast::e2e {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

// The pages of RAM that Linux finds in a map: whole pages, without page 0 and the hole for devices below 1 MiB.
std::uint64_t PagesOfRam(const Map& map) {
  std::uint64_t pages = 0;
  for (const MapEntry& entry : Merged(map)) {
    if (entry.type != kRam) continue;
    const auto count = [&](std::uint64_t low, std::uint64_t high) {
      const std::uint64_t first = (std::max(entry.start, low) + kPageSize - 1) / kPageSize;
      const std::uint64_t last = std::min(entry.end, high) / kPageSize;
      return first < last ? last - first : 0;
    };
    pages += count(kPageSize, 0xa0000) + count(kMib, ~std::uint64_t{0});
  }
  return pages;
}

// In a guest of 1 GiB, below where kexec-tools places its segments: they go to the top, in use or not, and what
// stands there would be lost before any stage runs.  The newest kernel takes its huge pages from the top as well.
KeptPages FillBelowSegments(Guest& guest) { return ScatterPages(guest, 32, 0x30000000); }

struct Hop {
  std::string kernel;
  std::string kexec = "kexec";
  std::string more = {};  // options of the next kernel
};

// One jump, with the stage's lines in their order.
void JumpThroughPurgatory(Guest& guest, const Hop& hop, const std::string& option) {
  LoadKernel(guest, {.kernel = hop.kernel, .append = option + " " + hop.more, .kexec = hop.kexec});
  guest.Kexec(hop.kexec + " -e");
  guest.Expect("holdfast: 0.");
  guest.Expect("holdfast: digest ok, ");
  guest.Expect("holdfast: handover holdfast,handover-v1, ");
  guest.Expect("holdfast: mode fence, map ");
  guest.Expect("holdfast: kernel at 0x");
  guest.Expect("init: up ");
  guest.Never({"holdfast: refused"});
}

// All that is true after a jump, whatever the kernels: the bytes, the fence, the map as planned, no page too many.
void CheckKept(Guest& guest, const KeptPages& kept, const Plan& plan) {
  CHECK(CountDifferent(guest, kept) == 0);
  CHECK(GuestFinds(guest, kept));
  const Map map = guest.E820();
  CHECK(NotOfType(map, kReserved, kept.extents).empty());
  CHECK(Differences(AboveLowMemory(plan.map), AboveLowMemory(map)) == std::vector<std::string>());
  CHECK(plan.wasted_bytes == 0);
  CHECK(guest.PresentPages() == PagesOfRam(map));
}

Plan PlanFor(Guest& guest, const std::string& kernel) {
  return AskForPlan(guest, "--map /sys/firmware/memmap --handover /dev/hugepages/handover --kernel /kernels/" + kernel +
                               " --initrd /tmp/initrd --seed 1");
}

void SurvivesKexec(const std::string& from, const std::string& to, Firmware firmware) {
  Guest guest({.firmware = firmware, .memory = "1G", .kernel = from, .carried = {to}});
  const KeptPages kept = FillBelowSegments(guest);
  const std::string option = MakeHandover(guest, {kept});
  MakeInitrd(guest);
  const Plan plan = PlanFor(guest, to);
  CHECK(plan.verdict == "ok");
  JumpThroughPurgatory(guest, {to}, option);
  CheckKept(guest, kept, plan);
  guest.Run("mkhandover report");
}

}  // namespace

// A name for each cell, so that each runs by itself.  `make e2e` runs some: the image's matrix has each pair too.
#define CELL(from, to, firmware, tag)                                                       \
  TEST_CASE("Kept pages survive " from " to " to " under " #firmware, "[e2e][pairs]" tag) { \
    SurvivesKexec(from, to, Firmware::k##firmware);                                         \
  }
CELL("6.1", "6.1", SeaBios, "[seabios]")
CELL("6.1", "6.12", SeaBios, "[seabios][exhaustive]")
CELL("6.1", "new", SeaBios, "[seabios][exhaustive]")
CELL("6.12", "6.1", SeaBios, "[seabios][exhaustive]")
CELL("6.12", "6.12", SeaBios, "[seabios][exhaustive]")
CELL("6.12", "new", SeaBios, "[seabios][exhaustive]")
CELL("new", "6.1", SeaBios, "[seabios]")
CELL("new", "6.12", SeaBios, "[seabios][exhaustive]")
CELL("new", "new", SeaBios, "[seabios]")
CELL("6.1", "6.1", Ovmf, "[ovmf][exhaustive]")
CELL("6.1", "6.12", Ovmf, "[ovmf][exhaustive]")
CELL("6.1", "new", Ovmf, "[ovmf][exhaustive]")
CELL("6.12", "6.1", Ovmf, "[ovmf]")
CELL("6.12", "6.12", Ovmf, "[ovmf][exhaustive]")
CELL("6.12", "new", Ovmf, "[ovmf]")
CELL("new", "6.1", Ovmf, "[ovmf][exhaustive]")
CELL("new", "6.12", Ovmf, "[ovmf][exhaustive]")
CELL("new", "new", Ovmf, "[ovmf][exhaustive]")
#undef CELL

TEST_CASE("Eighty scattered extents survive, in more entries than boot_params holds", "[e2e][scatter]") {
  Guest guest({.memory = "2G", .kernel = "6.1", .carried = {"new", "6.1"}});
  const KeptPages kept = ScatterPages(guest, 80, 0x60000000);
  REQUIRE(kept.extents.size() == 80);
  const std::string option = MakeHandover(guest, {kept});
  MakeInitrd(guest);
  const Plan plan = PlanFor(guest, "new");
  CHECK(plan.map.size() > 128);
  JumpThroughPurgatory(guest, {"new"}, option);
  CHECK(CountDifferent(guest, kept) == 0);
  CHECK(GuestFinds(guest, kept));

  const Map reserved = MapOfResources(guest);
  std::size_t num_open = 0;
  for (const Extent& extent : kept.extents) {
    if (BytesWithin(reserved, kRam, extent.start, extent.end()) != 0) ++num_open;
  }
  CHECK(num_open == 0);
  CHECK(guest.PresentPages() == PagesOfRam(plan.map));

  // Now the loader itself hands over more entries than boot_params holds, in a node that the stage replaces.
  JumpThroughPurgatory(guest, {"6.1"}, option);
  CHECK(CountDifferent(guest, kept) == 0);
  CHECK(GuestFinds(guest, kept));
  CHECK(guest.PresentPages() == PagesOfRam(plan.map));
}

TEST_CASE("Kept pages above 4 GiB survive in a guest of 6 GiB", "[e2e][large]") {
  Guest guest({.memory = "6G", .kernel = "6.1", .carried = {"6.12"}});
  const KeptPages kept = FillPages(guest, "256M");
  for (const Extent& extent : kept.extents) REQUIRE(extent.start >= std::uint64_t{4} << 30);
  const std::string option = MakeHandover(guest, {kept});
  MakeInitrd(guest);
  const Plan plan = PlanFor(guest, "6.12");
  JumpThroughPurgatory(guest, {"6.12"}, option);
  CheckKept(guest, kept, plan);
}

TEST_CASE("Three kexecs in a row keep memory that was written once", "[e2e][chain][exhaustive]") {
  Guest guest({.memory = "1G", .cpus = 2, .kernel = "6.1", .carried = {"6.12", "new", "6.1"}});
  const KeptPages kept = FillBelowSegments(guest);
  const std::string option = MakeHandover(guest, {kept});
  std::optional<Map> first;
  for (const char* kernel : {"6.12", "new", "6.1"}) {
    INFO(kernel);
    JumpThroughPurgatory(guest, {kernel}, option);
    CHECK(CountDifferent(guest, kept) == 0);
    CHECK(GuestFinds(guest, kept));
    const Map map = guest.E820();
    CHECK(NotOfType(map, kReserved, kept.extents).empty());
    if (first) CHECK(Differences(AboveLowMemory(*first), AboveLowMemory(map)) == std::vector<std::string>());
    first = map;
  }
}

TEST_CASE("Newer loaders start the same object: kexec-tools of trixie", "[e2e][loaders]") {
  Guest guest({.memory = "1G", .kernel = "6.12", .carried = {"6.1"}, .kexec_tools = "trixie"});
  const KeptPages kept = FillBelowSegments(guest);
  JumpThroughPurgatory(guest, {"6.1"}, MakeHandover(guest, {kept}));
  CHECK(CountDifferent(guest, kept) == 0);
  CHECK(GuestFinds(guest, kept));
}

TEST_CASE("Newer loaders start the same object: kexec-tools of sid", "[e2e][loaders]") {
  Guest guest({.memory = "1G", .kernel = "new", .carried = {"6.12"}, .kexec_tools = "sid"});
  const KeptPages kept = FillBelowSegments(guest);
  JumpThroughPurgatory(guest, {"6.12"}, MakeHandover(guest, {kept}));
  CHECK(CountDifferent(guest, kept) == 0);
  CHECK(GuestFinds(guest, kept));
}

// "A,B,C,D" for `tamper kernel-contract`, from the symbols of the built object.
std::string ContractOffsets() {
  std::map<std::string, long> values;
  const std::string command = "nm " + (BuildDir() / "purgatory.ro").string();
  FILE* const nm = popen(command.c_str(), "r");
  REQUIRE(nm != nullptr);
  unsigned long value = 0;
  char kind = 0;
  char name[4096];
  while (std::fscanf(nm, "%lx %c %4095s", &value, &kind, name) == 3) values[name] = static_cast<long>(value);
  pclose(nm);
  const long base = values.at("entry64_regs");
  std::string offsets;
  for (const char* symbol : {"sha256_regions", "sha256_digest", "purgatory_sha_regions", "purgatory_sha256_digest"}) {
    offsets += (offsets.empty() ? "" : ",") + std::to_string(values.at(symbol) - base);
  }
  return offsets;
}

TEST_CASE("Filled as the kernel's own loader fills a purgatory, the same object does the same", "[e2e][loaders]") {
  Guest guest(
      {.memory = "1G", .kernel = "6.1", .carried = {"6.1"}, .files = {{GuestProgram("tamper"), "/bin/tamper"}}});
  const KeptPages kept = FillBelowSegments(guest);
  const std::string option = MakeHandover(guest, {kept});
  LoadKernel(guest,
             {.kernel = "6.1", .append = option, .kexec = "tamper kernel-contract:" + ContractOffsets() + " -- kexec"});
  guest.Kexec();
  guest.Expect("holdfast: 0.1.0 purgatory on linux");
  guest.Expect("holdfast: digest ok, ");
  guest.Expect("init: up ");
  CHECK(CountDifferent(guest, kept) == 0);
  CHECK(GuestFinds(guest, kept));
}

TEST_CASE("A processor without large pages, random numbers and five levels will do", "[e2e][cpu]") {
  Guest guest({.memory = "3G", .cpus = 2, .cpu = "qemu64", .kernel = "6.1", .carried = {"6.1"}});
  const KeptPages kept = FillPages(guest, "64M");
  JumpThroughPurgatory(guest, {"6.1"}, MakeHandover(guest, {kept}));
  CHECK(CountDifferent(guest, kept) == 0);
  CHECK(GuestFinds(guest, kept));
}

TEST_CASE("Held memory stays RAM with a page structure, and keeps its bytes under pressure", "[e2e][fence]") {
  Guest guest({.memory = "1G", .kernel = "6.1", .carried = {"new"}});
  const KeptPages kept = FillPages(guest, "64M");
  std::string options;
  for (const Extent& extent : Joined(kept.extents)) {
    std::ostringstream option;
    option << std::hex << " --preserve 0x" << extent.start << "+0x" << extent.size << ",name=held-" << extent.start
           << ",fence=held";
    options += option.str();
  }
  JumpThroughPurgatory(guest, {"new"}, MakeHandover(guest, {}, options));
  CHECK(CountDifferent(guest, kept) == 0);
  CHECK(NotOfType(guest.E820(), kRam, kept.extents).empty());
  UseUpMemory(guest);
  CHECK(CountDifferent(guest, kept) == 0);
}

TEST_CASE("A kexec without a handover goes through, and nothing is fenced", "[e2e][none]") {
  Guest guest({.memory = "1G", .kernel = "6.1", .carried = {"6.1"}});
  const Map before = guest.E820();
  LoadKernel(guest, {.kernel = "6.1"});
  guest.Kexec();
  guest.Expect("holdfast: handover none, 0 ranges, 0 B kept");
  guest.Expect("init: up ");
  CHECK(Differences(AboveLowMemory(before), AboveLowMemory(guest.E820())) == std::vector<std::string>());
}

TEST_CASE("The next kernel has all memory but what is kept, to the page", "[e2e][memtotal]") {
  // The same kernel, started the same way, with nothing kept and with something kept.
  std::vector<std::uint64_t> total;
  std::vector<std::uint64_t> present;
  std::uint64_t kept_kib = 0;
  for (const bool keeps : {false, true}) {
    Guest guest({.memory = "1G", .kernel = "6.1", .carried = {"6.1"}});
    const KeptPages kept = FillPages(guest, "64M");
    const std::string option = MakeHandover(guest, {kept});
    LoadKernel(guest, {.kernel = "6.1", .append = keeps ? option : ""});
    guest.Kexec();
    guest.Expect(keeps ? "holdfast: handover holdfast,handover-v1, " : "holdfast: handover none");
    guest.Expect("init: up ");
    total.push_back(guest.MemTotalKib());
    present.push_back(guest.PresentPages() * kPageSize / 1024);
    kept_kib = kept.bytes() / 1024 + 2048;  // with the handover's own huge page
  }
  CHECK(present[0] - present[1] == kept_kib);
  CHECK(total[0] - total[1] == kept_kib);
}

TEST_CASE("Under OVMF the kernel stays where the stage's own KASLR put it", "[e2e][kaslr][ovmf]") {
  Guest guest({.firmware = Firmware::kOvmf, .memory = "2G", .kernel = "6.1", .carried = {"6.1"}});
  const auto kernel_code = [&guest] {
    for (const Resource& resource : guest.Iomem()) {
      if (resource.name == "Kernel code") return resource.start;
    }
    return std::uint64_t{0};
  };
  std::vector<std::uint64_t> places;
  for (int hop = 0; hop < 3; ++hop) {
    LoadKernel(guest, {.kernel = "6.1"});
    guest.Kexec();
    const std::string line = guest.Expect("holdfast: kernel at 0x");
    const std::uint64_t told = std::stoull(line.substr(line.find("0x")), nullptr, 16);
    guest.Expect("init: up ");
    CHECK(told == kernel_code());
    places.push_back(told);
  }
  CHECK(std::count(places.begin(), places.end(), places.front()) < 3);
}

TEST_CASE("A crash kernel starts as it was loaded", "[e2e][crash]") {
  Guest guest({.memory = "2G", .kernel = "6.1", .carried = {"6.1"}, .append = "crashkernel=384M", .may_panic = true});
  MakeInitrd(guest);
  guest.Run("kexec -c -p /kernels/6.1 --initrd=/tmp/initrd --command-line='" +
            CommandLine({.append = "irqpoll nr_cpus=1 reset_devices"}) + "'");
  guest.Leave("echo 0 > /proc/sys/kernel/hung_task_timeout_secs; echo c > /proc/sysrq-trigger");
  guest.Expect("holdfast: crash kernel, passed on as it was loaded");
  CHECK(guest.Expect("init: up ").find("reset_devices") != std::string::npos);
}

}  // namespace holdfast::e2e
