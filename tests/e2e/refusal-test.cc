// SPDX-License-Identifier: BSD-2-Clause
// What must not boot does not boot: one line with the rule and the addresses, then what the owner's policy asks for.

#include <catch2/catch.hpp>

#include <iomanip>
#include <sstream>

#include "tests/e2e/scenario.h"

namespace holdfast::e2e {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
constexpr const char* kSoon = "--refusal-delay 1";

// The option for the first `size` bytes of the handover as they are now: what a tool would write that had made them.
HandoverOption Resign(Guest& guest, HandoverOption option, std::uint64_t size) {
  option.size = size;
  option.digest = guest.Run("head -c " + std::to_string(size) + " " + std::string(kHandoverFile) + " | sha256sum")
                      .output.substr(0, 64);
  return option;
}

// Where in the handover's bytes these stand, which are given in hexadecimal.
std::uint64_t OffsetOf(Guest& guest, const std::string& hex) {
  const std::string bytes =
      guest.Run("od -An -v -tx1 -N 8192 " + std::string(kHandoverFile) + " | tr -d ' \\n'").output;
  const std::size_t at = bytes.find(hex);
  REQUIRE(at != std::string::npos);
  REQUIRE(at % 2 == 0);
  return at / 2;
}

std::string HexOf(const std::string& text) {
  std::ostringstream hex;
  for (const char c : text) hex << std::hex << std::setfill('0') << std::setw(2) << static_cast<int>(c);
  return hex.str();
}

void Poke(Guest& guest, std::uint64_t offset, const std::string& hex) {
  guest.Run("poke " + std::string(kHandoverFile) + " " + std::to_string(offset) + " " + hex);
}

std::string BigEndian(std::uint64_t number) {
  std::ostringstream text;
  text << std::hex << std::setfill('0') << std::setw(16) << number;
  return text.str();
}

Guest SmallGuest() {
  return Guest(
      {.memory = "1G", .kernel = "6.1", .carried = {"6.1"}, .files = {{GuestProgram("tamper"), "/bin/tamper"}}});
}

// Jumps, and sees the refusal on the serial line and on the debug port, and then the reset that the policy asks for.
void ExpectRefusal(Guest& guest, const std::string& refusal, unsigned delay = 1) {
  guest.Leave("kexec -e");
  CHECK(guest.Expect("holdfast: refused: ") == "holdfast: refused: " + refusal);
  guest.ExpectOnDebugPort("holdfast: refused: " + refusal);
  CHECK(ExpectReset(guest) == delay);
}

}  // namespace

TEST_CASE("Refused: the initrd's destination meets a kept range", "[e2e][refusal]") {
  Guest guest({.memory = "1G", .kernel = "6.1", .carried = {"6.1"}});
  const std::string dummy = "holdfast=0x0,0," + std::string(64, '0');
  const auto segments = SegmentsOf(LoadKernel(guest, {.kernel = "6.1", .append = dummy, .flags = "-d -c -l"}));
  REQUIRE(segments.size() >= 4);
  const std::string size = guest.Run("stat -c %s /tmp/initrd").output;
  const std::uint64_t initrd_size = std::stoull(size);
  // The initrd is the segment that is just large enough for it.
  LoadedSegment initrd;
  for (const LoadedSegment& s : segments) {
    if (s.memsz >= initrd_size && s.memsz < initrd_size + 4096) initrd = s;
  }
  REQUIRE(initrd.memsz != 0);
  const std::uint64_t kept = initrd.mem + 0x1000;

  const std::string option = WriteHandover(guest, Preserve(kept, 0x2000, "guest0") + " " + kSoon);
  LoadKernel(guest, {.kernel = "6.1", .append = option});
  ExpectRefusal(
      guest, "overlap: initrd " + RangeText(initrd.mem, initrd_size) + " meets kept guest0 " + RangeText(kept, 0x2000));
}

TEST_CASE("Refused: a kept range lies under what the loader wrote beside boot_params", "[e2e][refusal]") {
  Guest guest = SmallGuest();
  const std::string dummy = "holdfast=0x0,0," + std::string(64, '0');
  const auto segments = SegmentsOf(LoadKernel(guest, {.kernel = "6.1", .append = dummy, .flags = "-d -c -l"}));
  // kexec-tools' block: as long as the kernel's setup part, then the command line.
  LoadedSegment block;
  for (const LoadedSegment& s : segments) {
    if (s.memsz >= 0x5000 && s.memsz < 0x10000) block = s;
  }
  REQUIRE(block.memsz != 0);
  const std::uint64_t kept = block.mem + 0x2000;
  const std::string option = WriteHandover(guest, Preserve(kept, 0x1000, "guest0") + " " + kSoon);
  LoadKernel(guest, {.kernel = "6.1", .append = option});
  ExpectRefusal(guest, "overlap: loader's segment " + RangeText(block.mem, block.memsz) + " meets kept guest0 " +
                           RangeText(kept, 0x1000));
}

TEST_CASE("Refused: a kept range is not RAM", "[e2e][refusal]") {
  Guest guest = SmallGuest();
  const std::string option = WriteHandover(guest, Preserve(0xb0000000, 2 * kMib, "device") + " " + kSoon);
  LoadKernel(guest, {.kernel = "6.1", .append = option});
  ExpectRefusal(guest,
                "kept-not-ram: kept device " + RangeText(0xb0000000, 2 * kMib) + " is not RAM: reserved at 0xb0000000");
}

TEST_CASE("Refused: two kept ranges overlap", "[e2e][refusal]") {
  Guest guest = SmallGuest();
  HandoverOption option = ParseOption(WriteHandover(
      guest, Preserve(0x10000000, 2 * kMib, "first") + Preserve(0x20000000, 2 * kMib, "second") + " " + kSoon));
  // The tool writes no such handover, so a byte of it is changed: the second range begins inside the first.
  Poke(guest, OffsetOf(guest, BigEndian(0x20000000) + BigEndian(2 * kMib)), BigEndian(0x10100000));
  option = Resign(guest, option, option.size);
  LoadKernel(guest, {.kernel = "6.1", .append = option.text()});
  ExpectRefusal(guest, "kept-overlap: kept first " + RangeText(0x10000000, 2 * kMib) + " meets kept second " +
                           RangeText(0x10100000, 2 * kMib));
}

TEST_CASE("Refused: the handover is cut off", "[e2e][refusal]") {
  Guest guest = SmallGuest();
  HandoverOption option = ParseOption(WriteHandover(guest, Preserve(0x10000000, 2 * kMib, "guest0")));
  const std::uint64_t cut = option.size - 16;
  option = Resign(guest, option, cut);
  LoadKernel(guest, {.kernel = "6.1", .append = option.text()});
  // A policy that cannot be read is not obeyed: the default delay holds.
  ExpectRefusal(
      guest, "truncated: handover " + RangeText(option.address, cut) + ": cut off at byte " + std::to_string(cut), 10);
}

TEST_CASE("Refused: the handover's digest differs", "[e2e][refusal]") {
  Guest guest = SmallGuest();
  const HandoverOption option = ParseOption(WriteHandover(guest, Preserve(0x10000000, 2 * kMib, "guest0")));
  Poke(guest, option.size - 1, "5a");
  LoadKernel(guest, {.kernel = "6.1", .append = option.text()});
  ExpectRefusal(guest, "bad-digest: handover " + RangeText(option.address, option.size) + ": digest differs", 10);
}

TEST_CASE("Refused: the handover's compatible is unknown", "[e2e][refusal]") {
  Guest guest = SmallGuest();
  HandoverOption option = ParseOption(WriteHandover(guest, Preserve(0x10000000, 2 * kMib, "guest0")));
  Poke(guest, OffsetOf(guest, HexOf("handover-v1")) + 10, "39");
  option = Resign(guest, option, option.size);
  LoadKernel(guest, {.kernel = "6.1", .append = option.text()});
  ExpectRefusal(
      guest, "unknown-compatible: handover at " + Hex(option.address) + ": compatible is not holdfast,handover-v1", 10);
}

TEST_CASE("Refused: the setup_data chain comes back to itself", "[e2e][refusal]") {
  Guest guest = SmallGuest();
  MakeInitrd(guest);
  guest.Run("tamper setup-data-cycle -- kexec -i -c -l /kernels/6.1 --initrd=/tmp/initrd --command-line='" +
            CommandLine({}) + "'");
  ExpectRefusal(guest, "cycle: setup_data comes back to 0x100000", 10);
}

TEST_CASE("Refused: the setup_data chain leads where no memory is", "[e2e][refusal]") {
  Guest guest = SmallGuest();
  MakeInitrd(guest);
  guest.Run("tamper boot-params-wild -- kexec -i -c -l /kernels/6.1 --initrd=/tmp/initrd --command-line='" +
            CommandLine({}) + "'");
  ExpectRefusal(guest, "unreadable: setup_data: no readable memory at 0x7ff000000000", 10);
}

TEST_CASE("Refused: a byte of the kernel changed after it was loaded", "[e2e][refusal]") {
  Guest guest = SmallGuest();
  MakeInitrd(guest);
  guest.Run("tamper kernel-byte -- kexec -c -l /kernels/6.1 --initrd=/tmp/initrd --command-line='" + CommandLine({}) +
            "'");
  ExpectRefusal(guest, "bad-digest: loader's segments: digest differs", 10);
}

TEST_CASE("Refused: no slot is left for the kernel", "[e2e][refusal]") {
  Guest guest = SmallGuest();
  const std::string option = WriteHandover(guest, Preserve(0x10000000, 2 * kMib, "guest0") + " " + kSoon);
  // The next kernel is told to use the first 48 MiB only, and does not fit above its lowest address there.
  LoadKernel(guest, {.kernel = "6.1", .append = option + " mem=48M"});
  guest.Leave("kexec -e");
  CHECK(guest.Expect("holdfast: refused: ").starts_with("holdfast: refused: no-slot: no place for kernel, 0x"));
  guest.WaitForReset();
}

TEST_CASE("With one window left the kernel is in it", "[e2e][kaslr]") {
  Guest guest = SmallGuest();
  const std::string dummy = "holdfast=0x0,0," + std::string(64, '0');
  const auto segments = SegmentsOf(LoadKernel(guest, {.kernel = "6.1", .append = dummy, .flags = "-d -c -l"}));
  // All from 16 MiB up to the lowest high segment is kept, and the initrd lies below the kernel: what is left is the
  // place where the loader put the kernel.
  std::uint64_t lowest = ~std::uint64_t{0};
  for (const LoadedSegment& s : segments) {
    if (s.mem > 16 * kMib) lowest = std::min(lowest, s.mem);
  }
  lowest = lowest / (2 * kMib) * (2 * kMib);
  const std::uint64_t page = ParseOption(WriteHandover(guest, Preserve(lowest, 2 * kMib, "any"))).address;
  const std::string option = WriteHandover(guest, Preserve(16 * kMib, page - 16 * kMib, "below") +
                                                      Preserve(page + 2 * kMib, lowest - (page + 2 * kMib), "above"));
  REQUIRE(ParseOption(option).address == page);
  LoadKernel(guest, {.kernel = "6.1", .append = option});
  guest.Leave("kexec -e");
  const std::string line = guest.Expect("holdfast: kernel at 0x");
  CHECK(std::stoull(line.substr(line.find("0x")), nullptr, 16) >= lowest);
  CHECK(line.ends_with(", slot 1 of 1"));
}

TEST_CASE("A refusal halts where the owner wants it", "[e2e][refusal]") {
  Guest guest = SmallGuest();
  const std::string option = WriteHandover(guest, Preserve(0xb0000000, 2 * kMib, "device") + " --on-refusal halt");
  LoadKernel(guest, {.kernel = "6.1", .append = option});
  guest.Leave("kexec -e");
  guest.Expect("holdfast: refused: kept-not-ram: ");
  guest.Expect("holdfast: halted");
  CHECK_THROWS_WITH(guest.WaitForReset(Seconds(5)), !Catch::Contains("reset was seen"));
  CHECK_FALSE(guest.HasEnded());
}

TEST_CASE("A fault in the stage is told, and ends as a refusal", "[e2e][refusal]") {
  // The shipped object with one instruction of the decision replaced by one that no processor has.
  Guest guest({.memory = "1G",
               .kernel = "6.1",
               .carried = {"6.1"},
               .files = {{BuildDir() / "kexec-tools" / "bookworm" / "kexec-with-fault", "/bin/kexec-with-fault"}}});
  LoadKernel(guest, {.kernel = "6.1", .kexec = "kexec-with-fault"});
  guest.Leave("kexec-with-fault -e");
  CHECK(guest.Expect("holdfast: refused: ").starts_with("holdfast: refused: fault: invalid opcode at 0x"));
  guest.Expect("holdfast: reset in 10 s");
  guest.WaitForReset();
}

}  // namespace holdfast::e2e
