// SPDX-License-Identifier: BSD-2-Clause
// The harness itself: what it sees, what it refuses, and how things stand without Holdfast.

#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include "tests/e2e/base64.h"
#include "tests/e2e/console-log.h"
#include "tests/e2e/guest.h"
#include "tests/e2e/image-scenario.h"
#include "tests/e2e/initramfs.h"
#include "tests/e2e/page-pattern.h"
#include "tests/e2e/scenario.h"

namespace holdfast::e2e {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

// The file's pages as one list for memmap=, which is the form that keeps every kernel's KASLR off them.
std::string MemmapOption(const std::vector<Extent>& extents) {
  std::ostringstream option;
  const char* separator = " memmap=";
  for (const Extent& extent : extents) {
    option << separator << std::hex << "0x" << extent.size << "$0x" << extent.start;
    separator = ",";
  }
  return option.str();
}

void BootsToInit(const std::string& kernel, Firmware firmware) {
  Guest guest({.firmware = firmware, .kernel = kernel});
  guest.Expect("init: up ");
  guest.Never({"Kernel panic"});
  CHECK(guest.BootText().find("Linux version " + guest.kernel_release()) != std::string::npos);
  CHECK(guest.Run("uname -r").output == guest.kernel_release() + "\n");

  const Map map = guest.E820();
  INFO(guest.BootText());
  const std::uint64_t ram = Bytes(map, kRam);
  CHECK(ram > 900 * kMib);
  CHECK(ram <= 1024 * kMib);
  CHECK(guest.PresentPages() * kPageSize <= ram);
  CHECK(guest.ManagedKib() * 1024 <= ram);
  CHECK(guest.ManagedKib() * 1024 > ram - kMib);
  CHECK(guest.MemTotalKib() < guest.ManagedKib());
  CHECK(guest.Iomem().size() > map.size());
}

}  // namespace

TEST_CASE("Kernel 6.1 comes up under SeaBIOS", "[e2e][harness][seabios]") { BootsToInit("6.1", Firmware::kSeaBios); }
TEST_CASE("Kernel 6.12 comes up under SeaBIOS", "[e2e][harness][seabios]") { BootsToInit("6.12", Firmware::kSeaBios); }
TEST_CASE("The newest kernel comes up under SeaBIOS", "[e2e][harness][seabios]") {
  BootsToInit("new", Firmware::kSeaBios);
}
TEST_CASE("Kernel 6.1 comes up under OVMF", "[e2e][harness][ovmf]") { BootsToInit("6.1", Firmware::kOvmf); }
TEST_CASE("Kernel 6.12 comes up under OVMF", "[e2e][harness][ovmf]") { BootsToInit("6.12", Firmware::kOvmf); }
TEST_CASE("The newest kernel comes up under OVMF", "[e2e][harness][ovmf]") { BootsToInit("new", Firmware::kOvmf); }

TEST_CASE("Commands give back their output, errors and status, and files their bytes", "[e2e][harness]") {
  Guest guest({});
  const CommandResult result = guest.TryRun("echo out; echo err >&2; printf 'no end of line'; exit 3");
  CHECK(result.status == 3);
  CHECK(result.output == "out\nno end of line");
  CHECK(result.errors == "err\n");
  CHECK(guest.Run("true").output.empty());
  CHECK_THROWS_AS(guest.Run("false"), GuestFailure);
  CHECK_THROWS_AS(guest.RunFails("true"), GuestFailure);
  CHECK(guest.RunFails("exit 7").status == 7);

  std::string content;
  for (int i = 0; i < 10000; ++i) content += static_cast<char>(Mix(static_cast<std::uint64_t>(i)));
  guest.Push("/tmp/content", content);
  CHECK(guest.Pull("/tmp/content") == content);

  // The shell that serves is killed with everything else, and the next one serves on.
  CHECK(guest.TryRun("kill -9 -1").status != 0);
  CHECK(guest.Run("echo still here").output == "still here\n");
}

TEST_CASE("Scattered pages lie apart and below their limit, and hold their pattern", "[e2e][harness]") {
  Guest guest({.memory = "2G"});
  const std::uint64_t limit = 0x50000000;
  const KeptPages kept = ScatterPages(guest, 64, limit);
  REQUIRE(kept.extents.size() == 64);
  CHECK(kept.num_pages() == 64 * 512);

  std::vector<Extent> sorted = kept.extents;
  std::sort(sorted.begin(), sorted.end(), [](const Extent& a, const Extent& b) { return a.start < b.start; });
  CHECK(sorted.back().end() <= limit);
  for (std::size_t i = 1; i < sorted.size(); ++i) CHECK(sorted[i].start > sorted[i - 1].end());

  CHECK(guest.Run("pattern check /dev/hugepages/kept 0x5eed").output ==
        "pattern: 0x5eed intact, 0 of 32768 pages differ\n");
  CHECK(CountDifferent(guest, kept) == 0);
  guest.memory().View(kept.extents[5].start + 0x1234, 1)[0] ^= std::byte{1};
  CHECK(CountDifferent(guest, kept) == 1);
  CHECK(guest.RunFails("pattern check /dev/hugepages/kept 0x5eed").output ==
        "pattern: 0x5eed LOST, 1 of 32768 pages differ\n");
  CHECK(guest.RunFails("pattern check /dev/hugepages/kept 0x5eee").status == 1);

  // What is left in the pool is below the limit too.
  const KeptPages spare = FillPages(guest, "2M", {.file = "/dev/hugepages/spare", .seed = 1});
  CHECK(spare.extents.at(0).end() <= limit);
}

TEST_CASE("Without Holdfast a kexec loses the bytes", "[e2e][harness][baseline]") {
  Guest guest({.memory = "1G", .kernel = "6.1", .carried = {"6.1"}});
  const KeptPages kept = FillPages(guest, "128M");
  REQUIRE(CountDifferent(guest, kept) == 0);

  LoadKernel(guest, {.kernel = "6.1", .kexec = "kexec-stock"});
  guest.Kexec("kexec-stock -e");

  // For the second kernel they are ordinary memory, which it gives to whoever asks.
  const Map map = guest.E820();
  for (const Extent& extent : kept.extents) CHECK(BytesWithin(map, kRam, extent.start, extent.end()) == extent.size);
  CHECK_FALSE(GuestFinds(guest, kept));
  UseUpMemory(guest);
  CHECK(CountDifferent(guest, kept) > kept.num_pages() / 2);
}

TEST_CASE("Pages that memmap= keeps are found through three stock kexecs", "[e2e][harness][exhaustive]") {
  Guest guest({.memory = "2G", .kernel = "6.1", .carried = {"6.12", "new"}});
  const KeptPages kept = ScatterPages(guest, 16, 0x40000000);
  for (const char* kernel : {"6.12", "new", "6.12"}) {
    LoadKernel(guest, {.kernel = kernel, .append = MemmapOption(kept.extents), .kexec = "kexec-stock"});
    guest.Kexec("kexec-stock -e");
    CHECK(guest.Run("cat /proc/cmdline").output.find("memmap=") != std::string::npos);
    CHECK(GuestFinds(guest, kept));
    CHECK(CountDifferent(guest, kept) == 0);
  }
}

TEST_CASE("Pages above 4 GiB are found after a stock kexec under OVMF", "[e2e][harness][ovmf][exhaustive]") {
  Guest guest({.firmware = Firmware::kOvmf, .memory = "6G", .cpus = 2, .kernel = "6.12", .carried = {"new"}});
  const KeptPages kept = FillPages(guest, "64M");
  for (const Extent& extent : kept.extents) CHECK(extent.start >= std::uint64_t{4} << 30);
  CHECK(CountDifferent(guest, kept) == 0);

  MakeInitrd(guest);
  const Map before = guest.E820();
  LoadKernel(guest, {.kernel = "new", .append = MemmapOption(kept.extents), .kexec = "kexec-stock"});
  guest.Kexec("kexec-stock -e");
  CHECK(GuestFinds(guest, kept));
  CHECK(CountDifferent(guest, kept) == 0);
  const std::vector<std::string> differences = Differences(before, guest.E820());
  for (const std::string& line : differences) UNSCOPED_INFO(line);
  CHECK(differences.size() <= 2);  // kexec-tools leaves out the first KiB.
}

TEST_CASE("A guest that says nothing is reported as silent", "[e2e][harness]") {
  Guest guest({.command_line = "quiet", .silence = Seconds(8)});
  CHECK_THROWS_WITH(guest.Expect("init: up"), Catch::StartsWith("silence: nothing came from the guest for "));
}

TEST_CASE("A panic is reported with the guest's last lines", "[e2e][harness]") {
  Guest guest({});
  guest.WaitForInit();
  CHECK_THROWS_WITH(guest.Run("echo c > /proc/sysrq-trigger"),
                    Catch::StartsWith("the guest panicked while waiting for ") &&
                        Catch::Contains("Kernel panic - not syncing: sysrq triggered crash"));
}

TEST_CASE("A reset is seen, whoever asked for it, and the guest starts over", "[e2e][harness]") {
  Guest guest({});
  guest.Expect("init: up ");
  guest.SystemReset();
  guest.Expect("init: up ");
  guest.Leave("reboot -f");
  guest.WaitForReset();
  CHECK(guest.Run("echo back").output == "back\n");

  CHECK_THROWS_WITH(guest.Run("reboot -f"), Catch::StartsWith("the guest was reset while waiting for "));
}

TEST_CASE("A guest that is not to reboot ends with its reset", "[e2e][harness]") {
  Guest guest({.reboots = false});
  guest.Leave("reboot -f");
  guest.WaitForReset();
  CHECK_THROWS_AS(guest.Run("true"), GuestFailure);
  CHECK(guest.HasEnded());
}

TEST_CASE("A forbidden line fails the scenario, before or after it was forbidden", "[e2e][harness]") {
  Guest guest({});
  guest.Run("echo 'something: bad' > /dev/kmsg");
  guest.Expect("something: bad");
  CHECK_THROWS_WITH(guest.Never({"something: "}), Catch::StartsWith("a line that must never come: "));
}

TEST_CASE("A guest's life span ends it", "[e2e][harness]") {
  Guest guest({.life_span = Seconds(1)});
  CHECK_THROWS_WITH(guest.Run("sleep 1000", Seconds(30)), Catch::StartsWith("the guest's life span of 1 s is over"));
  CHECK(guest.HasEnded());
}

TEST_CASE("Memory maps read the same in every kernel's words", "[harness][memory-report]") {
  const Map expected = {{0x0, 0x9fc00, "System RAM"},
                        {0x100000, 0x3ffe0000, "System RAM"},
                        {0x3ffe0000, 0x40000000, "Reserved"},
                        {0x40000000, 0x40001000, "ACPI Non-volatile Storage"}};
  CHECK(ParseE820("[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable\n"
                  "[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000003ffdffff] usable\n"
                  "[    0.000000] BIOS-e820: [mem 0x000000003ffe0000-0x000000003fffffff] reserved\n"
                  "[    0.000000] BIOS-e820: [mem 0x0000000040000000-0x0000000040000fff] ACPI NVS\n"
                  "[    0.000000] user: [mem 0x0000000000000000-0x000000000009fbff] usable\n") == expected);
  CHECK(ParseE820("BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff]  System RAM\n"
                  "BIOS-e820: [gap 0x000000000009fc00-0x00000000000fffff]\n"
                  "BIOS-e820: [mem 0x0000000000100000-0x000000003ffdffff]  System RAM\n"
                  "BIOS-e820: [mem 0x000000003ffe0000-0x000000003fffffff]  device reserved\n"
                  "BIOS-e820: [mem 0x0000000040000000-0x0000000040000fff]  ACPI NVS\n") == expected);
  CHECK(ParseE820("BIOS-provided physical RAM map:\n"
                  "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff]  System RAM\n"
                  "extended physical RAM map:\n"
                  "extended: [mem 0x0000000000000000-0x000000000009fbff] usable\n"
                  "extended physical RAM map:\n"
                  "extended: [mem 0x0000000000001000-0x0000000000001fff] usable\n"
                  "extended: [mem 0x0000000000002000-0x0000000000002fff] reserved\n"
                  "extended physical RAM map:\n"
                  "reserve setup_data: [mem 0x0000000000001000-0x0000000000001fff] usable\n") ==
        Map{{0x1000, 0x2000, "System RAM"}, {0x2000, 0x3000, "Reserved"}});
  CHECK(Differences(expected, expected).empty());
  Map other = expected;
  other[1].end = 0x30000000;
  CHECK(Differences(expected, other) ==
        std::vector<std::string>{"planned, not reported: [0x30000000, 0x3ffe0000) System RAM"});
  CHECK(ParseManagedKib("[    0.1] Memory: 260916K/1048056K available (14343K kernel code)\n") == 1048056);
  CHECK(ParseIomem("00100000-3ffdffff : System RAM\n  01000000-01ffffff : Kernel code\n") ==
        std::vector<Resource>{{0x100000, 0x3ffe0000, 0, "System RAM"}, {0x1000000, 0x2000000, 1, "Kernel code"}});
}

TEST_CASE("Results of a run become a table, each cell from its own boot", "[harness][matrix-table]") {
  const TempDir folder;
  const std::filesystem::path results = folder.path() / "results";
  std::ofstream(results) << "ok 20.1 Matrix: 6.1 to 6.12, kexec -s of trixie, vmlinux, OVMF\n"
                            "FAIL 9.5 Matrix: new to 6.1, kexec -s of trixie, bzimage, SeaBIOS\n"
                            "ok 12.0 Kept pages survive 6.12 to new under SeaBios\n"
                            "ok 1.0 A scenario that is no cell\n";
  const std::filesystem::path table = folder.path() / "table";
  RunHere("tests/e2e/matrix-table.sh " + Quoted(results) + " > " + Quoted(table));
  const std::string text = ReadFile(table);
  const std::size_t ovmf = text.find("**OVMF**");
  REQUIRE(ovmf != std::string::npos);
  const std::string bios = text.substr(0, ovmf);
  CHECK_THAT(bios, Catch::Contains("| new to 6.1, bzimage | - | failed |"));
  CHECK_THAT(bios, Catch::Contains("| 6.12 to new, bzimage | intact | - |"));
  CHECK_THAT(bios, Catch::Contains("| 6.1 to 6.12, vmlinux | - | - |"));
  CHECK_THAT(text.substr(ovmf), Catch::Contains("| 6.1 to 6.12, vmlinux | - | intact |"));
  CHECK_THAT(text, Catch::Contains("3 boots, 2 intact."));

  std::ofstream(results) << "ok 1.0 A scenario that is no cell\n";
  CHECK_THROWS(RunHere("tests/e2e/matrix-table.sh " + Quoted(results) + " > " + Quoted(table) + " 2>&1"));
}

TEST_CASE("A console line counts without its stamp and its control characters", "[harness][console-log]") {
  ConsoleLog log;
  log.Append("\x1b[2J\x1b[01;01H[    0.000000] Linux version 6.1.0\r\nDEBUG: fine\n[   12.345678] init: u");
  CHECK(log.lines().size() == 2);
  CHECK(log.Find("Linux version", 0) == std::optional<std::size_t>(0));
  CHECK_FALSE(log.Find("init: up", 0));
  log.Append("p 6.1.0\n[    1.0] BUG: unable to handle\n");
  CHECK(log.Find("init: up", 0) == std::optional<std::size_t>(2));
  CHECK(log.FindPanic(0) == std::optional<std::size_t>(3));
  CHECK(log.LastBoot() == 0);
  CHECK(FromBase64(Base64(std::string_view("\0\1\2\xff", 4))) == std::string_view("\0\1\2\xff", 4));
}

}  // namespace holdfast::e2e
